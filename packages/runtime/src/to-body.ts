/**
 * Makes a body out of texts that is read only as fast as its client reads, and that ends its source when the client goes
 * away. The source's failure ends the body.
 *
 * @param onEnd told once the body is over, with the failure if there was one.
 */
export function toBody(source: AsyncGenerator<string, void>, onEnd: (error?: unknown) => void): ReadableStream {
  const encoder = new TextEncoder();
  let isCancelled = false;
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const next = await source.next();
          if (!next.done) {
            if (!isCancelled) controller.enqueue(encoder.encode(next.value));
            return;
          }
          onEnd();
        } catch (error) {
          onEnd(error);
        }
        if (!isCancelled) controller.close();
      },
      cancel() {
        isCancelled = true;
        onEnd();
        // one that waits to be read on would hold for ever what it has
        source.return().catch(() => undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

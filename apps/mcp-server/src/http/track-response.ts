/** A response whose body is handed on as it comes, and can be ended from here. */
export interface TrackedResponse {
  readonly response: Response;
  /** Ends it where it is; its maker learns that nobody reads it any more. */
  cut(): void;
}

/** `onDone` is called once: the body has ended, its reader has gone, or it was cut. */
export function trackResponse(response: Response, onDone: () => void): TrackedResponse {
  const reader = response.body?.getReader();
  if (reader === undefined) return { response, cut: () => undefined };
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isDone = false;

  function finish(): boolean {
    if (isDone) return false;
    isDone = true;
    onDone();
    return true;
  }

  const body = new ReadableStream<Uint8Array>({
    start: (started) => {
      controller = started;
    },
    async pull(to) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        finish();
        throw error;
      });
      if (value !== undefined && !isDone) to.enqueue(value);
      if (done && finish()) to.close();
    },
    async cancel(reason) {
      finish();
      await reader.cancel(reason);
    },
  });
  return {
    response: new Response(body, response),
    cut() {
      if (!finish()) return;
      controller?.close();
      // whoever made it may be done already
      reader.cancel().catch(() => undefined);
    },
  };
}

/** True for a response of events. */
export function isEventStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

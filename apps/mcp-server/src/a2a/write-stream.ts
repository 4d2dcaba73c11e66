import { setTimeout as sleep } from "node:timers/promises";

/** How often something is written, so that proxies keep the connection. */
const keepAliveMs = 15_000;

/**
 * Writes answers as server-sent events, and a comment where there was none for 15 s.
 *
 * @param toError what is written last when the source fails.
 */
export async function* writeStream(
  source: AsyncGenerator<unknown, void, undefined>,
  toError: (error: unknown) => unknown,
): AsyncGenerator<string, void> {
  try {
    for (let next = source.next(); ; next = source.next()) {
      while (await isSilent(next)) yield ": keep-alive\n\n";
      const { done, value } = await next;
      if (done) return;
      yield toServerSentEvent(value);
    }
  } catch (error) {
    yield toServerSentEvent(toError(error));
  } finally {
    await source.return();
  }
}

/** True where `next` did not come for a while. */
async function isSilent(next: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const silence = sleep(keepAliveMs, true, { ref: false, signal: ended.signal });
  try {
    return await Promise.race([silence, next.then(() => false)]);
  } finally {
    ended.abort();
    silence.catch(() => undefined);
  }
}

function toServerSentEvent(message: unknown): string {
  return `data: ${JSON.stringify(message)}\n\n`;
}

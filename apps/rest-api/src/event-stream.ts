import { isFinal, type TaskEvent, type TaskId, type TenantId } from "@devmesh/models";
import { findStanding, type TaskWatch } from "@devmesh/runtime";
import type { TaskReads } from "./task-reads.ts";

export interface EventStreamOptions {
  readonly reads: Pick<TaskReads, "events" | "states">;
  readonly watch: TaskWatch;
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
  /** Events up to this `seq` are not sent. */
  readonly afterSeq: number;
  /** Ends the stream: the client is gone, or the service stops. */
  readonly signal: AbortSignal;
  readonly keepAliveMs: number;
}

/** Events read at a time: what a client that reads slowly makes us keep. */
const eventsPerRead = 100;

/**
 * Writes a task's history as server-sent events, live, until its final state is sent. A comment goes out when nothing
 * else does, so that proxies keep the connection.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* writeEvents(options: EventStreamOptions): AsyncGenerator<string, void> {
  const { reads, watch, tenantId, taskId, signal, keepAliveMs } = options;
  let seq = options.afterSeq;
  while (!signal.aborted) {
    const events = await reads.events(tenantId, taskId, seq, eventsPerRead);
    for (const event of events) yield toServerSentEvent(event);
    seq = events.at(-1)?.seq ?? seq;
    if (events.length === eventsPerRead) continue;
    const standing = await findStanding(reads, { tenantId, taskId });
    if (standing.eventSeq > seq) continue;
    if (isFinal(standing.state)) return;
    yield* waitForNews({ watch, seq, signal, keepAliveMs });
  }
}

/** Yields comments while there is nothing new. */
async function* waitForNews({
  watch,
  seq,
  signal,
  keepAliveMs,
}: Pick<EventStreamOptions, "watch" | "signal" | "keepAliveMs"> & { readonly seq: number }): AsyncGenerator<
  string,
  void
> {
  while (!signal.aborted && (watch.standing?.eventSeq ?? 0) <= seq) {
    const before = performance.now();
    await watch.changed(keepAliveMs, signal);
    if (performance.now() - before >= keepAliveMs) yield ": keep-alive\n\n";
  }
}

function toServerSentEvent(event: TaskEvent): string {
  // JSON holds no line break, which would end the field
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/**
 * Makes a body out of texts that is read only as fast as its client reads, and that ends its source when the client goes
 * away. The source's failure ends the body: the client comes back with `Last-Event-ID`.
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
      },
    },
    { highWaterMark: 0 },
  );
}

import type { TaskEvent } from "@devmesh/models";
import { type FollowEventsOptions, followEvents } from "@devmesh/runtime";

/**
 * Writes a task's history as server-sent events, live, until its final state is sent. A comment goes out when nothing
 * else does, so that proxies keep the connection.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* writeEvents(options: FollowEventsOptions): AsyncGenerator<string, void> {
  for await (const event of followEvents(options)) {
    yield event === undefined ? ": keep-alive\n\n" : toServerSentEvent(event);
  }
}

function toServerSentEvent(event: TaskEvent): string {
  // JSON holds no line break, which would end the field
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { Fleet } from "@devmesh/tests/fleet";

/** Submits `count` tasks in one call; each carries when it was. Throws unless every one was accepted. */
export async function submitBatch(fleet: Fleet, count: number): Promise<void> {
  const input = { submittedAtMs: now(), padding: "x".repeat(100) };
  const answer = (await post(fleet, "/api/v1/tasks/batch", {
    tasks: Array.from({ length: count }, () => ({ type: "bench", input })),
  })) as { data: readonly ({ task: unknown } | { error: unknown })[] };
  const refused = answer.data.find((result) => "error" in result);
  if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
}

export async function submitOne(fleet: Fleet): Promise<void> {
  await post(fleet, "/api/v1/tasks", { type: "bench", input: { submittedAtMs: now() } });
}

/** Milliseconds since the epoch, finer than `Date.now`, and the same for all processes of the machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Kept connections and `node:http`: `fetch` costs a core at 1,000 requests a second, and the load would be the limit. */
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends a request to the API and gives the answer. Throws for a status of 400 and above. */
export async function post(fleet: Fleet, path: string, body: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" };
  const sent = request(`${fleet.rest.url}${path}`, { method: "POST", headers, agent });
  sent.end(JSON.stringify(body));
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const answer = await text(response);
  if ((response.statusCode ?? 500) >= 400) throw new Error(`${response.statusCode}: ${answer}`);
  return JSON.parse(answer);
}

import type { Fleet } from "@devmesh/tests/fleet";

/** Submits `count` tasks in one call; each carries when it was. Throws unless every one was accepted. */
export async function submitBatch(fleet: Fleet, count: number): Promise<void> {
  const input = { submittedAtMs: now(), text: "x".repeat(100) };
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

async function post(fleet: Fleet, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${fleet.rest.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return await response.json();
}

import { openFleet } from "@devmesh/tests/fleet";
import { startAgents } from "./agents.ts";
import { percentile, printTable, rounded } from "./figures.ts";
import { submitOne } from "./submit.ts";

const rates = [50, 200, 1_000];
const seconds = 10;

/** Time from submit to the handler's start at fixed rates, whatever the answers take (open loop). */
export async function benchPickup(): Promise<void> {
  await using fleet = await openFleet({ fsync: true, times: {} });
  const url = `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`;
  await using agents = await startAgents({ url, apiKey: fleet.apiKey, agents: 50, slots: 10 });
  let total = 0;
  const run = async (perSecond: number, forSeconds: number): Promise<void> => {
    await submitAtRate(() => submitOne(fleet), perSecond, forSeconds);
    total += perSecond * forSeconds;
    await agents.waitForRecorded(total, 60_000);
  };
  await run(100, 3);
  agents.takePickupsMs();
  const rows: string[][] = [];
  for (const perSecond of rates) {
    await run(perSecond, seconds);
    const pickupsMs = agents.takePickupsMs();
    const parts = [0.5, 0.99, 0.999].map((part) => rounded(percentile(pickupsMs, part), 1));
    rows.push([String(perSecond), rounded(pickupsMs.length), ...parts]);
  }
  printTable(
    "Pickup latency, open loop, one task a request, fsync on",
    ["tasks/s", "tasks", "p50 ms", "p99 ms", "p99.9 ms"],
    rows,
  );
}

async function submitAtRate(submit: () => Promise<void>, perSecond: number, forSeconds: number): Promise<void> {
  const begunAt = performance.now();
  const pending: Promise<void>[] = [];
  for (let number = 0; number < perSecond * forSeconds; number++) {
    const dueInMs = begunAt + (number * 1_000) / perSecond - performance.now();
    if (dueInMs > 1) await new Promise((resolve) => setTimeout(resolve, dueInMs));
    pending.push(submit());
  }
  await Promise.all(pending);
}

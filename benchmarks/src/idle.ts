import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { openFleet } from "@devmesh/tests/fleet";
import { startAgents } from "./agents.ts";
import { printTable, rounded } from "./figures.ts";

const agentCount = 1_000;

/** Resident memory of one mcp-server with 1,000 idle agents, above its own start. */
export async function benchIdle(): Promise<void> {
  await using fleet = await openFleet({ fsync: true, times: {} });
  const [server] = fleet.mcp;
  if (server === undefined) throw new Error("no mcp-server");
  const url = `${server.url.replace("http", "ws")}/ws`;
  const before = await residentMiB(server.process.pid);
  await using _agents = await startAgents({ url, apiKey: fleet.apiKey, agents: agentCount, slots: 1 });
  const connected = await residentMiB(server.process.pid);
  await delay(30_000); // two heartbeats and two rounds of last-seen times
  const idle = await residentMiB(server.process.pid);
  printTable(
    `${rounded(agentCount)} idle agents on one mcp-server`,
    ["", "MiB resident"],
    [
      ["at its start", rounded(before)],
      ["all connected", rounded(connected)],
      ["after 30 s idle", rounded(idle)],
      ["above its start", rounded(idle - before)],
    ],
  );
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(status) ?? [];
  return Number(kib) / 1_024;
}

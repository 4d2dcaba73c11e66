// usage: pnpm bench [trips|pickup|codec|sockets|mcp|idle]…  all of them without an argument
//        pnpm bench search [--parts quality,recall,layouts,writes,imports] [--rows N]
//        pnpm bench tasks [--quick] [--json FILE] [--rounds N] [--only PEER,…] [--parts drain,pickup,backlog,costs]
import { cpus, totalmem } from "node:os";
import { benchCodec } from "./codec.ts";
import { benchIdle } from "./idle.ts";
import { benchMcp } from "./mcp/bench-mcp.ts";
import { benchPickup } from "./pickup.ts";
import { benchSearch } from "./search/bench-search.ts";
import { benchSockets } from "./sockets/bench-sockets.ts";
import { benchTasks } from "./tasks/bench-tasks.ts";
import { benchTrips } from "./trips.ts";

const benchmarks: Readonly<Record<string, () => Promise<unknown>>> = {
  codec: benchCodec,
  sockets: benchSockets,
  mcp: benchMcp,
  trips: benchTrips,
  pickup: benchPickup,
  idle: benchIdle,
};

const asked = process.argv.slice(2);
const [first = "", ...rest] = asked;
const withArguments: Readonly<Record<string, (args: readonly string[]) => Promise<unknown>>> = {
  tasks: benchTasks,
  search: benchSearch,
};
const bench = withArguments[first];
if (bench !== undefined) {
  printMachine();
  await bench(rest);
  process.exit();
}
const unknown = asked.find((name) => !(name in benchmarks));
if (unknown === undefined) await runAll(asked.length === 0 ? Object.keys(benchmarks) : asked);
else {
  console.error(`no benchmark ${JSON.stringify(unknown)}: there are ${Object.keys(benchmarks).join(", ")}`);
  process.exitCode = 2;
}

async function runAll(names: readonly string[]): Promise<void> {
  printMachine();
  for (const name of names) await benchmarks[name]?.();
}

function printMachine(): void {
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${gibibytes} GiB`);
}

// usage: pnpm test:faults [--minutes N] [--cell NAME]… [--seed S] [--per-second N]
// Runs the cells one after the other and prints a table. Without --minutes a short round; with it, so long in all. A cell
// is named by any part of its name. Exits with 1 if a promise was broken. The seed is printed, and replays the schedule.
import { parseArgs } from "node:util";
import { allCells } from "./all-cells.ts";
import { openRig } from "./rig.ts";
import { type CellReport, runCell } from "./run-cell.ts";

const shortMs = 6_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    cell: { type: "string", multiple: true },
    seed: { type: "string" },
    "per-second": { type: "string", default: "25" },
  },
});
const cells = allCells.filter(({ name }) => values.cell?.some((part) => name.includes(part)) ?? true);
if (cells.length === 0) {
  throw new Error(`no cell is called ${values.cell?.join(", ")}: ${allCells.map(({ name }) => name).join("; ")}`);
}
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const forMs = values.minutes === undefined ? shortMs : (Number(values.minutes) * 60_000) / cells.length;

console.log(`seed ${seed}\n`);
console.log(
  "| fault | disturbances | tasks | by pull | repeated tries | fenced out | seconds | settled after | broken promises |",
);
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
let rig = await openRig();
let loads: Parameters<typeof runCell>[2]["loads"] = [];
for (const cell of cells) {
  const report = await runCell(rig, cell, { seed, forMs, perSecond: Number(values["per-second"]), loads });
  console.log(toRow(report));
  if (report.violations.length === 0) continue;
  process.exitCode = 1;
  console.error(JSON.stringify(report.violations, undefined, 2));
  for (const line of report.errors) console.error(line);
  // what is broken stays so: the next cell begins on new ground
  await rig[Symbol.asyncDispose]();
  rig = await openRig();
  loads = [];
}
await rig[Symbol.asyncDispose]();

function toRow(report: CellReport): string {
  const { name, disturbances, tasks, pulled, repeatedTries, fencedOut, seconds, settledAfterMs, violations } = report;
  const broken = violations.length === 0 ? "none" : violations.map(({ what }) => what).join("; ");
  const settled = `${(settledAfterMs / 1_000).toFixed(1)} s`;
  const counts = [disturbances, tasks, pulled, repeatedTries, fencedOut, seconds].join(" | ");
  return `| ${name} | ${counts} | ${settled} | ${broken} |`;
}

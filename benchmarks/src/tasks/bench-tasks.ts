import { writeFile } from "node:fs/promises";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { measureCosts } from "./costs.ts";
import { type Measured, measurePeer } from "./measure.ts";
import { isPeerName, type PeerName, peers } from "./peers.ts";
import { makeReport, printReport, type Report } from "./report.ts";
import { fullSizes, quickSizes, type Sizes } from "./sizes.ts";

const allParts = ["drain", "pickup", "backlog", "costs"];

const options = {
  json: { type: "string" },
  rounds: { type: "string" },
  only: { type: "string" },
  parts: { type: "string" },
  quick: { type: "boolean", default: false },
} satisfies ParseArgsConfig["options"];

/**
 * Measures this project and its peers one after the other, round by round, and prints medians and ratios.
 *
 * `--json FILE` writes them too; `--rounds N` (3); `--only devmesh,bullmq-always,…`; `--parts drain,pickup,backlog,costs`;
 * `--quick`: small counts, one round, to see that the harness works. Pickup and backlog are measured in the first round
 * alone, but this project's pickup in every one.
 */
export async function benchTasks(args: readonly string[]): Promise<Report> {
  const { values } = parseArgs({ args: [...args], options });
  const names = list(values.only, Object.keys(peers)).map(toPeerName);
  const parts = new Set(list(values.parts, allParts));
  const sizes = values.quick ? quickSizes : fullSizes;
  const rounds = values.rounds === undefined ? sizes.rounds : Number(values.rounds);
  const measured = await measureRounds(names, parts, { ...sizes, rounds });
  const isCosts = parts.has("costs") && names.includes("devmesh");
  const report = makeReport(measured, isCosts ? await measureCosts(sizes) : undefined);
  printReport(report);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return report;
}

async function measureRounds(
  names: readonly PeerName[],
  parts: ReadonlySet<string>,
  sizes: Sizes,
): Promise<ReadonlyMap<PeerName, readonly Measured[]>> {
  const measured = new Map<PeerName, readonly Measured[]>();
  for (let round = 0; round < sizes.rounds; round++) {
    for (const name of names) {
      const asked = partsOf(name, round).filter((part) => parts.has(part));
      if (asked.length === 0) continue;
      const one = await measurePeer(name, new Set(asked), sizes);
      measured.set(name, [...(measured.get(name) ?? []), one]);
      console.error(`round ${round + 1}: ${name}`, JSON.stringify(one));
    }
  }
  return measured;
}

function partsOf(name: PeerName, round: number): readonly string[] {
  if (round === 0) return ["drain", "pickup", "backlog"];
  return name === "devmesh" ? ["drain", "pickup"] : ["drain"];
}

function list(value: string | undefined, all: readonly string[]): readonly string[] {
  return value === undefined ? all : value.split(",");
}

function toPeerName(name: string): PeerName {
  if (isPeerName(name)) return name;
  throw new Error(`no peer ${JSON.stringify(name)}: there are ${Object.keys(peers).join(", ")}`);
}

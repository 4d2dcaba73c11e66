import { sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { type Chance, createChance, createRandom } from "./chance.ts";
import { checkLedger, isSettled, type Violation } from "./check-ledger.ts";
import { findPulled } from "./find-pulled.ts";
import type { Observation } from "./load/observation.ts";
import { startWorkLoad, type WorkLoad } from "./load/work-load.ts";
import type { Rig } from "./rig.ts";

/** One kind of fault. */
export interface Cell {
  readonly name: string;
  /** Injects the fault again and again until `chance.signal` aborts; has healed everything when it resolves. */
  disturb(rig: Rig, chance: Chance): Promise<void>;
}

/** How a cell is run. */
export interface CellOptions {
  readonly seed: number;
  readonly forMs: number;
  readonly perSecond?: number;
  /** Loads of this rig so far; the cell adds its own. */
  readonly loads: WorkLoad[];
}

/** What came of it. */
export interface CellReport {
  readonly name: string;
  readonly tasks: number;
  readonly disturbances: number;
  /** Tasks whose result came from an agent that pulls, and that agent was told so. */
  readonly pulled: number;
  /** Tries beyond the first of each task. */
  readonly repeatedTries: number;
  /** Words of agents that were refused, because the task had gone to another. */
  readonly fencedOut: number;
  /** From the first submit to the end of the last task. */
  readonly seconds: number;
  /** From the last disturbance's end to the end of the last task. */
  readonly settledAfterMs: number;
  readonly violations: readonly Violation[];
  /** What the services logged as errors last, where something was violated. */
  readonly errors: readonly string[];
}

const defaultPerSecond = 25;
/** Of each service. */
const maxErrors = 5;
/** Retries back off, passed-over agents wait, and the slowest look is every 30 s. */
const settleMs = 75_000;

/** Puts a load on the rig, disturbs it, lets it heal, and holds the ledger against what was promised. */
export async function runCell(rig: Rig, cell: Cell, options: CellOptions): Promise<CellReport> {
  const { seed, forMs, perSecond = defaultPerSecond, loads } = options;
  const begunAt = performance.now();
  const fencedOutBefore = countFencedOut(await observe(rig));
  const name = `${cell.name}-${loads.length}`;
  const load = startWorkLoad(rig, { random: createRandom(seed, `${cell.name} load`), perSecond, name });
  loads.push(load);
  await waitFor(() => load.accepted.size >= perSecond / 2, { what: "a load that is flowing" });
  let disturbances = 0;
  const count = (): void => {
    disturbances++;
  };
  await cell.disturb(rig, createChance(createRandom(seed, cell.name), AbortSignal.timeout(forMs), count));
  const healedAt = performance.now();
  const late = await settle(rig, load);
  const endedAt = performance.now();
  const observations = await observe(rig);
  const pulled = (await findPulled(rig.database, { load: name, observations })).length;
  const violations = [
    ...late,
    ...(disturbances === 0 ? [{ what: "nothing was disturbed", cases: [] }] : []),
    ...(pulled === 0 ? [{ what: "no task was done by an agent that pulls", cases: [] }] : []),
    ...(await checkLedger(rig.database, { loads, observations })),
  ];
  return {
    name: cell.name,
    tasks: load.accepted.size,
    disturbances,
    pulled,
    repeatedTries: await countRepeatedTries(rig, name),
    fencedOut: countFencedOut(observations) - fencedOutBefore,
    seconds: Math.round((endedAt - begunAt) / 100) / 10,
    settledAfterMs: Math.round(endedAt - healedAt),
    violations,
    errors: violations.length === 0 ? [] : readErrors(rig),
  };
}

async function observe({ hosts }: Rig): Promise<readonly Observation[]> {
  return (await Promise.all(hosts.map((host) => host.observations()))).flat();
}

function countFencedOut(observations: readonly Observation[]): number {
  return observations.filter(({ what }) => what === "fenced_out").length;
}

async function settle(rig: Rig, load: WorkLoad): Promise<readonly Violation[]> {
  try {
    await load.finish();
    await waitFor(() => isSettled(rig.database), { timeoutMs: settleMs, what: "the end of all tasks" });
    return [];
  } catch (error) {
    const cause = error instanceof Error ? String(error.cause ?? "") : "";
    return [{ what: `${String(error)} ${cause}`, cases: [] }];
  }
}

function readErrors({ fleet }: Rig): readonly string[] {
  return [fleet.rest, ...fleet.mcp, ...fleet.workers].flatMap(({ process }) => {
    const lines = process.output().split("\n");
    return lines.filter((line) => /"level":"(error|fatal)"/.test(line)).slice(-maxErrors);
  });
}

async function countRepeatedTries(rig: Rig, name: string): Promise<number> {
  const { rows } = await rig.database.query<{ count: number }>(sql`
    select coalesce(sum(greatest(t.fence - 1, 0)), 0)::int as count
    from task t join task_body b on b.task_id = t.id where b.input->>'name' = ${name}`);
  return rows[0]?.count ?? 0;
}

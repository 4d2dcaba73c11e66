import { median, printTable, rounded } from "../figures.ts";
import type { Costs } from "./costs.ts";
import type { Measured, Pickup } from "./measure.ts";
import { type PeerName, peers } from "./peers.ts";

/** All that was measured, by peer: a list of rounds each. */
export type Rounds = ReadonlyMap<PeerName, readonly Measured[]>;

/** What `--json` writes. Of several rounds the medians. */
export interface Report {
  readonly closedLoop: Readonly<Record<string, number>>;
  readonly closedLoopWithSubmit: Readonly<Record<string, number>>;
  /** This project's, by tasks a second. */
  readonly pickupP99Ms: Readonly<Record<string, number>>;
  /** Everybody's, by peer and tasks a second. */
  readonly pickupMs: Readonly<Record<string, Readonly<Record<string, Pickup>>>>;
  readonly claimsPerSecond: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** This project's claims a second at the largest backlog, to those at the smallest. */
  readonly backlogRatio?: number;
  readonly backlogRatios: Readonly<Record<string, number>>;
  readonly commitsPerTask?: number;
  readonly walBytesPerTask?: number;
  readonly statementsPerTask?: number;
  readonly idleStatementsPerMinute?: number;
  readonly costsOfDrain?: Costs["costsOfDrain"];
  readonly statements?: Costs["statements"];
  readonly idleStatements?: Costs["idleStatements"];
  /** This project's drained tasks a second to each peer's. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
}

export function makeReport(rounds: Rounds, costs: Costs | undefined): Report {
  const names = [...rounds.keys()];
  const ofRounds = (read: (measured: Measured) => number | undefined): Readonly<Record<string, number>> =>
    collect(names, (name) => medianOf((rounds.get(name) ?? []).map(read)));
  const closedLoop = ofRounds((measured) => measured.closedLoop);
  const pickupMs = collect(names, (name) => mergePickups(rounds.get(name) ?? []));
  const claimsPerSecond = collect(names, (name) => rounds.get(name)?.find(({ claims }) => claims)?.claims);
  const backlogRatios = collect(names, (name) => ratioOf(claimsPerSecond[name]));
  const own = closedLoop["devmesh"];
  const others = names.filter((name) => name !== "devmesh");
  return {
    closedLoop,
    closedLoopWithSubmit: ofRounds((measured) => measured.closedLoopWithSubmit),
    pickupP99Ms: Object.fromEntries(Object.entries(pickupMs["devmesh"] ?? {}).map(([rate, { p99 }]) => [rate, p99])),
    pickupMs,
    claimsPerSecond,
    ...(backlogRatios["devmesh"] !== undefined && { backlogRatio: backlogRatios["devmesh"] }),
    backlogRatios,
    ...costs,
    ratios: collect(others, (name) => (own === undefined ? undefined : own / (closedLoop[name] ?? Number.NaN))),
    versions: { node: process.version, ...collect(names, (name) => peers[name].version()) },
    settings: collect(names, (name) => peers[name].settings),
  };
}

export function printReport(report: Report): void {
  printTable(
    "Drain: 50 slots, no-op handler, fsync on; tasks a second",
    ["", "first start → last result", "with submit", "ours to it"],
    Object.entries(report.closedLoop).map(([name, perSecond]) => [
      name,
      rounded(perSecond),
      rounded(report.closedLoopWithSubmit[name] ?? 0),
      name in report.ratios ? rounded(report.ratios[name] ?? 0, 2) : "",
    ]),
  );
  printTable(
    "Pickup: submit → handler starts, open loop; p50, p99, p99.9 in ms",
    ["", "tasks a second", "p50", "p99", "p99.9"],
    Object.entries(report.pickupMs).flatMap(([name, byRate]) =>
      Object.entries(byRate).map(([rate, { p50, p99, p999 }]) => [
        name,
        rate,
        ...[p50, p99, p999].map((ms) => rounded(ms, 1)),
      ]),
    ),
  );
  printTable(
    "Claims a second with a backlog",
    ["", "backlog", "claims a second", "ratio"],
    Object.entries(report.claimsPerSecond).flatMap(([name, byBacklog]) =>
      Object.entries(byBacklog).map(([backlog, perSecond], index) => [
        name,
        rounded(Number(backlog)),
        rounded(perSecond),
        index === 0 ? "" : rounded(report.backlogRatios[name] ?? 0, 2),
      ]),
    ),
  );
  if (report.commitsPerTask !== undefined) printCosts(report);
}

function printCosts(report: Report): void {
  const { costsOfDrain, idleStatementsPerMinute = 0 } = report;
  const rows = Object.entries({ "50 agents × 10 slots": report, "5 × 10": costsOfDrain });
  printTable(
    "What a task costs Postgres",
    ["", "commits", "WAL bytes", "statements"],
    rows.map(([name, costs]) => [
      name,
      rounded(costs?.commitsPerTask ?? 0, 3),
      rounded(costs?.walBytesPerTask ?? 0),
      rounded(costs?.statementsPerTask ?? 0, 2),
    ]),
  );
  printTable("Idle, all services together", ["statements a minute"], [[rounded(idleStatementsPerMinute)]]);
  const tables = [
    ["Statements by time, under load", report.statements],
    ["Statements by time, idle", report.idleStatements],
  ] as const;
  for (const [title, statements = []] of tables) {
    const lines = statements.map(({ text, calls, totalMs }) => [rounded(totalMs), rounded(calls), text]);
    printTable(title, ["ms", "calls", "statement"], lines);
  }
}

function collect<Value>(
  names: readonly string[],
  read: (name: PeerName) => Value | undefined,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = read(name as PeerName);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : median(known);
}

function mergePickups(measured: readonly Measured[]): Readonly<Record<string, Pickup>> | undefined {
  const known = measured.map(({ pickupMs }) => pickupMs).filter((pickups) => pickups !== undefined);
  if (known.length === 0) return undefined;
  const rates = Object.keys(known[0] ?? {});
  const at = (rate: string, part: keyof Pickup): number => median(known.map((one) => one[rate]?.[part] ?? 0));
  return Object.fromEntries(
    rates.map((rate) => [rate, { p50: at(rate, "p50"), p99: at(rate, "p99"), p999: at(rate, "p999") }]),
  );
}

function ratioOf(byBacklog: Readonly<Record<string, number>> | undefined): number | undefined {
  const rates = Object.values(byBacklog ?? {});
  const [first, last] = [rates[0], rates.at(-1)];
  return first === undefined || last === undefined ? undefined : last / first;
}

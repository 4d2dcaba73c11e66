import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startProcess } from "@devmesh/testing";

export type CheckStatus = "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";

/** One check of a scenario, as the suite writes it down. */
export interface Check {
  readonly id: string;
  readonly status: CheckStatus;
  readonly errorMessage?: string;
}

export interface ConformanceRun {
  readonly exitCode: number | null;
  readonly output: string;
  /** What the requirement set scores, by its own file; empty for a single scenario. */
  readonly required: readonly string[];
  /** By scenario. */
  readonly checks: ReadonlyMap<string, readonly Check[]>;
}

const suite = dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json"));
const main = join(suite, "dist/index.js");

/** Runs the suite against the server at `url`: a whole requirement set, or one scenario. */
export async function runConformance(
  url: string,
  what: { readonly requirements: string } | { readonly scenario: string },
): Promise<ConformanceRun> {
  const folder = await mkdtemp(join(tmpdir(), "devmesh-conformance-"));
  try {
    const args = Object.entries(what).flatMap(([name, value]) => [`--${name}`, value]);
    const started = await startProcess(process.execPath, [
      main,
      "server",
      "--url",
      `${url}/mcp`,
      ...args,
      "-o",
      folder,
    ]);
    const { code } = await started.exited;
    const required = "requirements" in what ? await readRequired(what.requirements) : [];
    return { exitCode: code, output: started.output(), required, checks: await readChecks(folder) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The scenario's name stands in that of its folder: `server-<scenario>-<time>`. */
async function readChecks(folder: string): Promise<ReadonlyMap<string, readonly Check[]>> {
  const names = await readdir(folder);
  const entries = names.map(async (name): Promise<[string, readonly Check[]]> => {
    const scenario = /^server-(.+?)-\d{4}-\d{2}-\d{2}T/.exec(name)?.[1] ?? name;
    return [scenario, JSON.parse(await readFile(join(folder, name, "checks.json"), "utf8"))];
  });
  return new Map(await Promise.all(entries));
}

/** The items of the list `server` in the set's YAML. */
async function readRequired(requirements: string): Promise<readonly string[]> {
  const yaml = await readFile(join(suite, "requirements", `${requirements}.yaml`), "utf8");
  const [, list = ""] = /^server:\n((?: {2}- .+\n)+)/m.exec(yaml) ?? [];
  return list
    .trim()
    .split("\n")
    .map((line) => line.replace(/^ *- /, ""));
}

/** Those without a check that failed, and with one that did not: what could not be tried is no success. */
export function passedOf({ checks }: ConformanceRun, scenarios: readonly string[]): readonly string[] {
  return scenarios.filter((name) => {
    const all = checks.get(name) ?? [];
    return all.some(({ status }) => status === "SUCCESS") && all.every(({ status }) => status !== "FAILURE");
  });
}

/** What failed of these scenarios, for the message of an assertion. */
export function failures({ checks }: ConformanceRun, scenarios: readonly string[]): readonly string[] {
  return scenarios.flatMap((scenario) =>
    (checks.get(scenario) ?? [])
      .filter(({ status }) => status === "FAILURE")
      .map(({ id, errorMessage }) => `${scenario}: ${id}: ${errorMessage ?? ""}`),
  );
}

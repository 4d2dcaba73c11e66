import { createLogger } from "@devmesh/observability";
import { describe, expect, it } from "vitest";
import { runLoop } from "./run-loop.ts";

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly pauseMs?: number;
}

/** Runs a loop over scripted turns (`true` succeeds) and gives its pauses and log lines. */
async function runScript(turns: readonly boolean[]): Promise<{ pauses: number[]; lines: Line[] }> {
  const controller = new AbortController();
  const pauses: number[] = [];
  const lines: Line[] = [];
  let turn = 0;
  await runLoop({
    name: "sweep",
    signal: controller.signal,
    logger: createLogger({
      level: "debug",
      service: "t",
      destination: { write: (line) => void lines.push(JSON.parse(line)) },
    }),
    minBackoffMs: 500,
    maxBackoffMs: 4_000,
    sleep: async (ms) => void pauses.push(ms),
    work: async () => {
      const succeeds = turns[turn++];
      if (turn >= turns.length) controller.abort();
      if (succeeds === false) throw new Error("database is away");
    },
  });
  return { pauses, lines };
}

describe("runLoop", () => {
  it("doubles its pause to the bound and raises the log level with it", async () => {
    const { pauses, lines } = await runScript([false, false, false, false, false, true]);
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
    expect(lines.slice(0, 5).map((line) => line.level)).toEqual(["info", "warn", "warn", "error", "error"]);
    expect(lines[5]).toMatchObject({ level: "info", msg: "loop recovered", failures: 5 });
  });

  it("starts afresh after a success", async () => {
    expect((await runScript([false, false, true, false, true])).pauses).toEqual([500, 1_000, 500]);
  });

  it("says nothing while all goes well", async () => {
    expect((await runScript([true, true, true])).lines).toEqual([]);
  });

  it("ends quietly when the failure comes of the abort", async () => {
    const { pauses, lines } = await runScript([true, false]);
    expect(pauses).toEqual([]);
    expect(lines).toEqual([]);
  });

  it("does nothing under an aborted signal", async () => {
    const logger = createLogger({ level: "silent", service: "t" });
    let turns = 0;
    await runLoop({ name: "x", signal: AbortSignal.abort(), logger, work: async () => void turns++ });
    expect(turns).toBe(0);
  });
});

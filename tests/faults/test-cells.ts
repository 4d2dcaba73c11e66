import { afterAll, describe, expect, test } from "vitest";
import { openRig, type Rig } from "./rig.ts";
import { type Cell, type CellReport, runCell } from "./run-cell.ts";

/** Long enough for each fault to happen at least once. */
const forMs = 4_000;
const seed = Number(process.env["FAULTS_SEED"] ?? Date.now() % 2 ** 31);

/** One for all cells: each leaves it as it found it. What is broken stays so, and the next cell begins on new ground. */
interface Ground {
  readonly rig: Rig;
  readonly loads: Parameters<typeof runCell>[2]["loads"];
}

/** Makes a test of each cell, one after the other. Files of such tests may run side by side: each has a rig of its own. */
export function testCells(cells: readonly Cell[]): void {
  describe(`every accepted task ends with one result at most (FAULTS_SEED=${seed})`, () => {
    let ground: Ground | undefined;
    const leave = async (): Promise<void> => {
      const left = ground;
      ground = undefined;
      await left?.rig[Symbol.asyncDispose]();
    };
    afterAll(leave);

    test.each(cells)("$name", { timeout: 240_000 }, async (cell) => {
      ground ??= { rig: await openRig(), loads: [] };
      const { rig, loads } = ground;
      let report: CellReport | undefined;
      try {
        report = await runCell(rig, cell, { seed, forMs, loads });
      } finally {
        if (report?.violations.length !== 0) await leave();
      }
      expect(report).toMatchObject({ violations: [], errors: [] });
    });
  });
}

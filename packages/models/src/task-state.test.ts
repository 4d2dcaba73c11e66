import { describe, expect, test } from "vitest";
import { assignmentStates, canTransition, isFinal, isOpen, taskStates, taskTransitions } from "./task-state.ts";

// the table of the REST API's contract, word for word but for its middle column
const contract = `
| blocked | queued, scheduled, cancelled, failed |
| scheduled | queued, cancelled, failed |
| queued | assigned, cancelled, failed |
| assigned | running, queued, scheduled, cancelled, failed |
| running | waiting, completed, queued, scheduled, cancelled, failed |
| waiting | running, queued, scheduled, cancelled, failed |
| completed | |
| cancelled | |
| failed | queued, blocked |`;

const rows = contract
  .trim()
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, from = "", to = ""]) => ({ from, to: to === "" ? [] : to.split(", ") }));

describe("the states of a task", () => {
  test("are those of the contract", () => {
    expect([...taskStates].sort()).toEqual(rows.map(({ from }) => from).sort());
  });

  for (const from of taskStates) {
    test(`lead from ${from} only where the contract says`, () => {
      const allowed = rows.find((row) => row.from === from)?.to ?? [];
      expect([...taskTransitions[from]].sort()).toEqual([...allowed].sort());
      for (const to of taskStates) expect(canTransition(from, to), `${from} → ${to}`).toBe(allowed.includes(to));
    });
  }

  test("are final where nothing but a redrive leads out", () => {
    expect(taskStates.filter(isFinal)).toEqual(["completed", "failed", "cancelled"]);
    for (const state of taskStates.filter(isFinal)) {
      expect(taskTransitions[state]).toEqual(state === "failed" ? ["queued", "blocked"] : []);
    }
  });
});

test("an assignment holds a slot while it is offered, running or waiting", () => {
  expect(assignmentStates.filter(isOpen)).toEqual(["offered", "running", "waiting"]);
});

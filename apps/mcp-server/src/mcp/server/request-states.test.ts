import { expect, test } from "vitest";
import type { Caller } from "../caller.ts";
import { createRequestStates, type StateOwner } from "./request-states.ts";

const owner = {
  caller: { principal: { tenantId: "t", id: "k" } } as unknown as Caller,
  method: "tools/call",
  name: "echo",
  arguments: { a: 1, b: { c: 2, d: 3 } },
} as const satisfies StateOwner;
const state = { asked: ["sure"], state: { left: [1] } };

function openClock(): { states: ReturnType<typeof createRequestStates>; pass: (ms: number) => void } {
  let now = 1_000;
  return {
    states: createRequestStates({ secret: "s", now: () => now }),
    pass: (ms) => {
      now += ms;
    },
  };
}

test("opens what it sealed until it is too old, whatever the order of the arguments", () => {
  const { states, pass } = openClock();
  const sealed = states.seal(owner, state);
  pass(60 * 60_000);
  expect(states.open({ ...owner, arguments: { b: { d: 3, c: 2 }, a: 1 } }, sealed)).toEqual(state);
  pass(1);
  expect(states.open(owner, sealed)).toBeUndefined();
});

test("opens what another node with the same secret sealed, and nothing of another secret", () => {
  const sealed = openClock().states.seal(owner, state);
  expect(openClock().states.open(owner, sealed)).toEqual(state);
  expect(createRequestStates({ secret: "other", now: () => 0 }).open(owner, sealed)).toBeUndefined();
});

test.each<[string, Partial<StateOwner>]>([
  ["tenant", { caller: { principal: { tenantId: "u", id: "k" } } as unknown as Caller }],
  ["principal", { caller: { principal: { tenantId: "t", id: "l" } } as unknown as Caller }],
  ["method", { method: "prompts/get" }],
  ["tool", { name: "other" }],
  ["arguments", { arguments: { a: 2 } }],
])("opens nothing of another %s", (_what, changes) => {
  const { states } = openClock();
  expect(states.open({ ...owner, ...changes }, states.seal(owner, state))).toBeUndefined();
});

test("opens nothing that was changed, or is nonsense", () => {
  const { states } = openClock();
  const sealed = states.seal(owner, state);
  const [body = "", signature = ""] = sealed.split(".");
  const forged = Buffer.from(JSON.stringify({ asked: ["sure"], until: 9_999_999 })).toString("base64url");
  for (const attempt of ["", ".", "a", body, `${forged}.${signature}`, `${body}.`, `${sealed}.x`, "x".repeat(70_000)]) {
    expect(states.open(owner, attempt)).toBeUndefined();
  }
});

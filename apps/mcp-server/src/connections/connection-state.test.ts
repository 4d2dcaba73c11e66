import type { AgentId } from "@devmesh/models";
import { expect, test } from "vitest";
import {
  assertMayGreet,
  assertRegistered,
  assertWelcomed,
  type ConnectionState,
  isWelcomed,
} from "./connection-state.ts";

const states: readonly ConnectionState[] = [
  { kind: "new" },
  { kind: "greeting" },
  { kind: "greeted", agentName: "a" },
  { kind: "registered", agentName: "a", agentId: "1" as AgentId },
  { kind: "closed" },
];

function passing(assertState: (state: ConnectionState) => unknown): readonly string[] {
  return states.flatMap((state) => {
    try {
      assertState(state);
      return [state.kind];
    } catch (error) {
      expect(error).toMatchObject({ code: "failed_precondition" });
      return [];
    }
  });
}

test("lets HELLO pass once", () => {
  expect(passing(assertMayGreet)).toEqual(["new"]);
});

test("lets other frames pass between WELCOME and the end, those of an agent once it is registered", () => {
  expect(passing(assertWelcomed)).toEqual(["greeted", "registered"]);
  expect(passing(assertRegistered)).toEqual(["registered"]);
  expect(states.filter(isWelcomed).map(({ kind }) => kind)).toEqual(["greeted", "registered"]);
});

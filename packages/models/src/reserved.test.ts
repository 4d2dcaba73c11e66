import { expect, test } from "vitest";
import { assertNotReserved, reservedAgentName } from "./reserved.ts";

test("nobody acts as the mesh's own agent, and others may have similar names", () => {
  expect(() => assertNotReserved(reservedAgentName)).toThrow(expect.objectContaining({ code: "permission_denied" }));
  expect(() => assertNotReserved(`${reservedAgentName}-2`)).not.toThrow();
});

import { format, inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Secret } from "./secret.ts";

describe("Secret", () => {
  const secret = new Secret("hunter2");

  it.each([
    ["a template", `${secret}`],
    ["JSON", JSON.stringify({ secret })],
    ["inspect", inspect({ nested: { secret } })],
    ["format", format("%s %o", secret, secret)],
    ["concatenation", `a${String(secret)}`],
    ["its keys", Object.keys(secret).join() + Object.values(secret).join()],
  ])("stays hidden in %s", (_, text) => {
    expect(text).not.toContain("hunter2");
  });

  it("gives itself away only when asked", () => {
    expect(secret.reveal()).toBe("hunter2");
    expect(`${secret}`).toBe("[secret]");
  });
});

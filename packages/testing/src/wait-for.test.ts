import { expect, test } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { waitFor } from "./wait-for.ts";

test("gives what the condition gives, after it threw and said no", async () => {
  let calls = 0;
  const value = await waitFor(async () => {
    calls += 1;
    if (calls === 1) throw new Error("not yet");
    return calls === 3 && "done";
  });
  expect(value).toBe("done");
});

test("0 and the empty string are answers", async () => {
  expect(await waitFor(() => 0)).toBe(0);
  expect(await waitFor(() => "")).toBe("");
});

test("says what it waited for, and the last error", async () => {
  const failure = new Error("refused");
  const waiting = waitFor(() => Promise.reject(failure), { timeoutMs: 20, what: "the server" });
  await expect(waiting).rejects.toMatchObject({ message: "waited 20 ms for the server in vain", cause: failure });
});

test("a fake clock moves when it is told to, and never back", () => {
  const clock = createFakeClock(1_000);
  clock.advance(500);
  expect(clock.now()).toBe(1_500);
  clock.set(9_000);
  expect(clock.now()).toBe(9_000);
  expect(() => clock.advance(-1)).toThrow(/does not go back/);
});

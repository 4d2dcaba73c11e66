import type { AgentId, TenantId } from "@devmesh/models";
import { expect, onTestFinished, test, vi } from "vitest";
import { createPullPresence } from "./pull-presence.ts";

const ref = (agentId: string) => ({ tenantId: "t" as TenantId, agentId: agentId as AgentId });

function given({ fails = 0 } = {}) {
  let left = fails;
  const clock = { ms: 0 };
  const beats: string[] = [];
  const heartbeat = async ({ agentId }: { readonly agentId: string }) => {
    beats.push(agentId);
    if (left-- > 0) throw new Error("away");
    return undefined;
  };
  const back: number[] = [];
  const onBack = (): void => void back.push(clock.ms);
  const presence = createPullPresence({ heartbeat }, { presenceMs: 1_000, now: () => clock.ms, onBack });
  return { presence, beats, back, clock };
}

test("writes a sign of life once in a quarter of the presence, for each agent", async () => {
  const { presence, beats, clock } = given();
  await presence.renew(ref("a"));
  await presence.renew(ref("a"));
  await presence.renew(ref("b"));
  clock.ms = 249;
  await presence.renew(ref("a"));
  expect(beats).toEqual(["a", "b"]);
  clock.ms = 250;
  await presence.renew(ref("a"));
  expect(beats).toEqual(["a", "b", "a"]);
});

test("tells of an agent that was away, as far as this node knows", async () => {
  const { presence, back, clock } = given();
  await presence.renew(ref("a"));
  clock.ms = 900;
  await presence.renew(ref("a"));
  clock.ms = 1_900;
  await presence.renew(ref("a"));
  expect(back).toEqual([0, 1_900]);
});

test("one of calls that come together writes", async () => {
  const { presence, beats } = given();
  await Promise.all([presence.renew(ref("a")), presence.renew(ref("a"))]);
  expect(beats).toEqual(["a"]);
});

test("what was written elsewhere counts, and what failed is written by the next", async () => {
  const { presence, beats } = given({ fails: 1 });
  presence.noteRenewed(ref("a"));
  await presence.renew(ref("a"));
  expect(beats).toEqual([]);
  await expect(presence.renew(ref("b"))).rejects.toThrow("away");
  await presence.renew(ref("b"));
  expect(beats).toEqual(["b", "b"]);
});

test("an agent whose call waits longer than its presence lasts stays present", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { presence, beats, clock } = given();
  await presence.renew(ref("a"));
  const call = Promise.withResolvers<string>();
  const waiting = presence.during(ref("a"), call.promise);
  for (; clock.ms < 1_000; clock.ms += 250) await vi.advanceTimersByTimeAsync(250);
  call.resolve("done");
  expect(await waiting).toBe("done");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(beats.length).toBeGreaterThanOrEqual(4);
  expect(beats.length).toBeLessThanOrEqual(5);
});

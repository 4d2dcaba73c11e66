import type { PayloadInput } from "@devmesh/protocol";
import { expect, onTestFinished, test } from "vitest";
import { type ConnectOptions, connectAgent, type MeshAgent, type TaskHandlers } from "../src/index.ts";
import { FakeClock } from "./_fake-clock.ts";
import { type Peer, ScriptedServer } from "./_scripted-server.ts";

interface Bench {
  readonly agent: MeshAgent;
  readonly peer: Peer;
  readonly clock: FakeClock;
  /** Offers task `seq` that was assigned so long ago, with an accept window of 10 s. */
  readonly offer: (seq: number, ageMs?: number) => void;
}

/** A connected agent whose registration was just answered. */
async function openBench(handlers: TaskHandlers): Promise<Bench> {
  const server = await ScriptedServer.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const options: ConnectOptions = {
    url: server.url,
    apiKey: "dm_agt_key",
    name: "echo-1",
    capabilities: [{ name: "echo" }],
    maxConcurrency: 4,
    clock,
    random: () => 0.5,
  };
  const [agent, peer] = await Promise.all([connectAgent(options), server.acceptAgent()]);
  void agent.handle(handlers);
  const offer: Bench["offer"] = (seq, ageMs) => peer.assign(seq, ageMs === undefined ? {} : { ageMs });
  return { agent, peer, clock, offer };
}

function refuse(peer: Peer, { id = "" }: { readonly id?: string | undefined }, error: Refusal): void {
  peer.send("ERROR", { re: id, message: "no", ...error });
}

type Refusal = Pick<PayloadInput<"ERROR">, "code" | "reason">;

test("a handler starts before ACCEPT is answered, and its end goes right behind", async () => {
  const { peer, offer } = await openBench({ echo: () => "done" });
  offer(1, 0);
  const accept = await peer.next("TASK_ACCEPT");
  const complete = await peer.next("TASK_COMPLETE");
  expect(complete).toMatchObject({ assignmentId: "a1", output: "done" });
  peer.recorded(accept, "running");
  peer.recorded(complete, "completed");
});

test.each([
  ["does not say when it was made", undefined, 0],
  ["was made half a window ago", 5_001, 0],
  ["may have been on its way for half a window", 0, 5_001],
])("a handler waits for ACCEPT's answer where the offer %s", async (_, ageMs, silentMs) => {
  let isStarted = false;
  const { peer, offer, clock } = await openBench({
    echo: () => {
      isStarted = true;
    },
  });
  clock.advance(silentMs);
  offer(1, ageMs);
  const accept = await peer.next("TASK_ACCEPT");
  expect(isStarted).toBe(false);
  peer.recorded(accept, "running");
  await peer.next("TASK_COMPLETE");
  expect(isStarted).toBe(true);
});

test("a handler that started early is aborted when its ACCEPT is refused, and its end is not sent", async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
  const { peer, offer } = await openBench({
    echo: async (_task, { signal }) => {
      await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
      resolve(signal.reason);
      return "late";
    },
  });
  offer(1, 0);
  const accept = await peer.next("TASK_ACCEPT");
  refuse(peer, accept, { code: "conflict", reason: "stale_assignment" });
  expect(await aborted).toMatchObject({ code: "conflict", reason: "stale_assignment" });
  offer(2, 0);
  expect(await peer.next("TASK_ACCEPT")).toMatchObject({ assignmentId: "a2" });
  expect(peer.messages.flat()).not.toContain("TASK_COMPLETE");
});

test("a handler that started early is aborted when the accept window ends without an answer", async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
  const { peer, offer, clock } = await openBench({
    echo: async (_task, { signal }) => {
      await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
      resolve(signal.reason);
    },
  });
  offer(1, 1_000);
  await peer.next("TASK_ACCEPT");
  clock.advance(9_500);
  expect(await aborted).toMatchObject({ reason: "stale_assignment" });
});

test("an end that came before a delayed ACCEPT goes again after it", async () => {
  const { peer, offer, clock } = await openBench({ echo: () => "done" });
  offer(1, 0);
  const accept = await peer.next("TASK_ACCEPT");
  const early = await peer.next("TASK_COMPLETE");
  refuse(peer, accept, { code: "unavailable" });
  refuse(peer, early, { code: "failed_precondition" });
  await peer.settle();
  clock.advance(5_000);
  const again = await peer.next("TASK_ACCEPT");
  peer.recorded(again, "running");
  expect(await peer.next("TASK_COMPLETE")).toMatchObject({ assignmentId: "a1", output: "done" });
});

test("what a handler reports and asks for early waits for ACCEPT's answer", async () => {
  const { peer, offer } = await openBench({
    echo: async (_task, ctx) => {
      ctx.progress({ percent: 50 });
      await ctx.extend(60_000);
    },
  });
  offer(1, 0);
  const accept = await peer.next("TASK_ACCEPT");
  expect(peer.messages.flat()).not.toContain("TASK_EXTEND");
  peer.recorded(accept, "running");
  await peer.next("TASK_PROGRESS");
  const extend = await peer.next("TASK_EXTEND");
  expect(peer.messages.flat().indexOf("TASK_ACCEPT")).toBeLessThan(peer.messages.flat().indexOf("TASK_PROGRESS"));
  peer.recorded(extend, "running");
  await peer.next("TASK_COMPLETE");
});

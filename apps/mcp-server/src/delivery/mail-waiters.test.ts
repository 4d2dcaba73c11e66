import type { AgentId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { createMailWaiters } from "./mail-waiters.ts";

const tenantId = "t" as TenantId;
const agentId = "a" as AgentId;
const isEnough = (found: readonly number[]): boolean => found.length > 0;

function given() {
  const waiters = createMailWaiters();
  const mail: number[] = [];
  const looks: number[] = [];
  const looked = Promise.withResolvers<void>();
  const look = async (): Promise<readonly number[]> => {
    looks.push(mail.length);
    looked.resolve();
    return [...mail];
  };
  const wait = (waitMs: number, signal = new AbortController().signal) =>
    waiters.wait({ tenantId, agentId }, { waitMs, signal, isEnough }, look);
  return { waiters, mail, looks, looked: looked.promise, wait };
}

test("gives at once what is there, and where it is not to wait what is not", async () => {
  const { mail, wait, looks } = given();
  expect(await wait(0)).toEqual([]);
  mail.push(1);
  expect(await wait(60_000)).toEqual([1]);
  expect(looks).toEqual([0, 1]);
});

test("is woken for its own agent", async () => {
  const { waiters, mail, wait, looked, looks } = given();
  const waiting = wait(60_000);
  await looked;
  waiters.onMail([{ agentId: "b" as AgentId }]);
  mail.push(1);
  waiters.onMail([{ agentId }]);
  expect(await waiting).toEqual([1]);
  expect(looks).toHaveLength(2);
});

test("ends with nothing when the time is over, and when nobody waits any more", async () => {
  const { wait, looked } = given();
  expect(await wait(1)).toEqual([]);
  const stopping = new AbortController();
  const waiting = wait(60_000, stopping.signal);
  await looked;
  stopping.abort();
  expect(await waiting).toEqual([]);
});

test("lets nobody wait once the node is about to end", async () => {
  const { waiters, wait, looked } = given();
  const waiting = wait(60_000);
  await looked;
  waiters.stopWaiting();
  expect(await waiting).toEqual([]);
  expect(await wait(60_000)).toEqual([]);
});

test("lets 500 calls of a tenant wait, and refuses more until one ends", async () => {
  const { wait } = given();
  const stopping = new AbortController();
  const waiting = Array.from({ length: 500 }, () => wait(60_000, stopping.signal));
  await expect(wait(60_000)).rejects.toMatchObject({ code: "resource_exhausted", reason: "too_many_waiters" });
  expect(await wait(0)).toEqual([]);
  stopping.abort();
  await Promise.all(waiting);
  expect(await wait(1)).toEqual([]);
});

import type { Principal, Scope, StoredApiKey } from "@devmesh/auth";
import { type ApiKeyId, AppError, type TaskId, type TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createRunCallers, type RunCaller, type RunCallers } from "./run-callers.ts";

const tenantId = "t" as TenantId;
const id = "k" as ApiKeyId;
const taskId = "task" as TaskId;
const principal: Principal = { tenantId, id, kind: "agt", scopes: ["tools:execute", "tasks:read"] };
const logger = createLogger({ level: "silent", service: "test" });
const { signal } = new AbortController();

/** A key that changes, and callers of which it is. */
class Bench implements AsyncDisposable {
  key: StoredApiKey | undefined = { tenantId, id, kind: "agt", scopes: ["tools:execute", "tasks:write", "tasks:read"] };
  looks = 0;
  failures = 0;
  time = 0;
  readonly callers: RunCallers;

  constructor(credentialCheckMs = 60_000) {
    this.callers = createRunCallers({
      findKey: async () => {
        this.looks += 1;
        if (this.failures-- > 0) throw new AppError("unavailable", "the database is away");
        return this.key;
      },
      credentialCheckMs,
      now: () => this.time,
      logger,
    });
  }

  open(isAllowed: (principal: Principal) => Promise<boolean> = async () => true): RunCaller {
    return this.callers.open({ taskId, principal, isAllowed });
  }

  allow(...scopes: Scope[]): void {
    if (this.key !== undefined) this.key = { ...this.key, scopes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.callers[Symbol.asyncDispose]();
  }
}

describe("a caller", () => {
  test("acts with those scopes of the call that its key has still", async () => {
    await using bench = new Bench();
    using caller = bench.open();
    await caller.look(signal);
    expect(caller.principal.scopes).toEqual(["tools:execute", "tasks:read"]);
    bench.allow("tasks:read", "admin");
    await caller.look(signal);
    expect(caller.principal.scopes).toEqual(["tools:execute", "tasks:read"]);
    bench.allow("tasks:read");
    await caller.look(signal);
    expect(caller.principal).toEqual({ ...principal, scopes: ["tasks:read"] });
    bench.allow("tools:execute");
    await caller.look(signal);
    expect(caller.principal.scopes).toEqual(["tools:execute"]);
  });

  test.each<[string, Partial<StoredApiKey> | undefined, string]>([
    ["was revoked", { revokedAt: new Date() }, "the caller's API key has ended: the API key was revoked"],
    [
      "has expired",
      { expiresInMs: 0, expiresAt: new Date(0) },
      "the caller's API key has ended: the API key expired at 1970-01-01T00:00:00.000Z",
    ],
    ["is gone", undefined, "the caller's API key has ended: no such API key"],
  ])("is over when its key %s", async (_, change, message) => {
    await using bench = new Bench();
    using caller = bench.open();
    bench.key = change && bench.key && { ...bench.key, ...change };
    await expect(caller.look(signal)).rejects.toMatchObject({ code: "unauthenticated", message });
    expect(caller.signal.reason).toMatchObject({ message });
  });

  test("is over when what it does needs a scope that was lost, and not for any other", async () => {
    await using bench = new Bench();
    using caller = bench.open(async ({ scopes }) => scopes.includes("tools:execute"));
    bench.allow("tools:execute");
    await caller.look(signal);
    expect(caller.signal.aborted).toBe(false);
    bench.allow("tasks:read");
    await expect(caller.look(signal)).rejects.toMatchObject({ code: "permission_denied", reason: "missing_scope" });
    expect(caller.signal.aborted).toBe(true);
  });

  test("that was signed in just now is not looked up for it, once", async () => {
    await using bench = new Bench();
    bench.callers.noteSignedIn(taskId);
    using first = bench.open();
    await first.look(signal);
    expect(bench.looks).toBe(0);
    await first.look(signal);
    using second = bench.open();
    await second.look(signal);
    expect(bench.looks).toBe(2);
    bench.callers.noteSignedIn(taskId);
    bench.time += 5_000;
    using late = bench.open();
    await late.look(signal);
    expect(bench.looks).toBe(3);
  });
});

test("a run that was told to end while its key was looked up does not begin, nor go on", async () => {
  await using bench = new Bench();
  using caller = bench.open();
  const ending = new AbortController();
  const looking = caller.look(ending.signal);
  ending.abort();
  await expect(looking).rejects.toMatchObject({ code: "cancelled" });
  bench.callers.noteSignedIn(taskId);
  using signedIn = bench.open();
  await expect(signedIn.look(ending.signal)).rejects.toMatchObject({ code: "cancelled" });
  expect([caller.signal.aborted, signedIn.signal.aborted]).toEqual([false, false]);
});

describe("with fake timers", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a database that is away ends nobody: it is asked again until nobody wants to know", async () => {
    vi.useFakeTimers();
    await using bench = new Bench();
    using caller = bench.open();
    bench.failures = 2;
    const looking = caller.look(signal);
    await vi.advanceTimersByTimeAsync(1_000);
    await looking;
    expect(bench.looks).toBe(3);
    const stopping = new AbortController();
    bench.failures = 100;
    const given = expect(caller.look(stopping.signal)).rejects.toMatchObject({ code: "unavailable" });
    stopping.abort();
    await given;
    expect(caller.signal.aborted).toBe(false);
  });

  test("callers are looked at now and then, until they are over", async () => {
    vi.useFakeTimers();
    await using bench = new Bench(30_000);
    const ended = bench.open();
    ended[Symbol.dispose]();
    using caller = bench.open();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(bench.looks).toBe(1);
    bench.key = undefined;
    await vi.advanceTimersByTimeAsync(30_000);
    expect([bench.looks, caller.signal.aborted, ended.signal.aborted]).toEqual([2, true, false]);
  });
});

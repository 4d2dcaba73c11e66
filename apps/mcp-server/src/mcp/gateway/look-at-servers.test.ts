import type { McpChange } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import type { ToolServerStanding } from "@devmesh/repositories";
import { expect, test, vi } from "vitest";
import { type LookDeps, startLooking } from "./look-at-servers.ts";

const tenantId = "tenant" as TenantId;
const due = (name: string) => ({ tenantId, server: { name } as ToolServerStanding });

interface Given extends Partial<Pick<LookDeps["toolGateway"], "refresh">> {
  readonly claim?: (asked: { readonly limit: number; readonly except?: readonly TenantId[] }) => void;
}

async function given(rounds: (readonly ReturnType<typeof due>[])[], { claim, ...more }: Given = {}) {
  const looked: string[] = [];
  let hear: (changes: readonly McpChange[]) => void = () => undefined;
  const looking = await startLooking({
    toolChecks: {
      claim: async (asked) => {
        expect(asked.againInMs).toBe(60_000);
        claim?.(asked);
        return rounds.shift() ?? [];
      },
      record: async () => true,
    },
    toolGateway: {
      refresh: async ({ server }) => {
        looked.push(server.name);
        return { check: { state: "healthy", latencyMs: 1 }, listing: undefined };
      },
      ...more,
    } as LookDeps["toolGateway"],
    hints: {
      onMcpChanges: async (handler) => {
        hear = handler;
        return async () => undefined;
      },
    },
    checkMs: 60_000,
    logger: createLogger({ level: "silent", service: "test" }),
  });
  return { looking, looked, tell: (changes: readonly McpChange[]) => hear(changes) };
}

test("looks at what is due, and again when it is told", async () => {
  const { looking, looked, tell } = await given([[due("first")], [], [], [due("new")]]);
  await using _ = looking;
  await expect.poll(() => looked).toEqual(["first"]);
  tell([{ tenantId, list: "prompts" }]);
  const lookedAgain = (): readonly string[] => {
    tell([{ tenantId, list: "tools" }]);
    return looked;
  };
  await expect.poll(lookedAgain).toContain("new");
});

test("one that hangs holds up no other, as long as there is a place", async () => {
  const hanging = Array.from({ length: 15 }, (_, at) => due(`hangs-${at}`));
  const seen: string[] = [];
  const asked: number[] = [];
  const excepted: (readonly TenantId[])[] = [];
  const { looking, tell } = await given([hanging, [due("a")], [due("b")]], {
    claim: ({ limit, except = [] }) => {
      asked.push(limit);
      excepted.push(except);
    },
    refresh: async ({ server }, { signal }) => {
      seen.push(server.name);
      if (!server.name.startsWith("hangs")) return { check: { state: "healthy", latencyMs: 1 }, listing: undefined };
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      throw signal.reason;
    },
  });
  await expect.poll(() => seen.length).toBeGreaterThanOrEqual(15);
  tell([{ tenantId, list: "tools" }]);
  // the end of a look makes room for the next
  await expect.poll(() => seen.slice(15)).toEqual(["a", "b"]);
  expect(asked.slice(0, 2)).toEqual([4, 1]);
  // the tenant that hangs leaves places to others
  expect(excepted.slice(0, 2)).toEqual([[], [tenantId]]);
  await looking[Symbol.asyncDispose]();
});

test("ends the looks under way when it is closed", async () => {
  const aborted = Promise.withResolvers<void>();
  const { looking } = await given([[due("hangs")]], {
    refresh: async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      aborted.resolve();
      throw signal.reason;
    },
  });
  await vi.waitFor(() => undefined);
  await looking[Symbol.asyncDispose]();
  await aborted.promise;
});

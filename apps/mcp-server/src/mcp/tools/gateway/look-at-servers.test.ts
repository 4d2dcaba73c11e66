import type { McpChange } from "@devmesh/adapters";
import type { TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import type { ToolServerStanding } from "@devmesh/repositories";
import { expect, test, vi } from "vitest";
import { type LookDeps, startLooking } from "./look-at-servers.ts";

const tenantId = "tenant" as TenantId;
const due = (name: string) => ({ tenantId, server: { name } as ToolServerStanding });

async function given(rounds: (readonly ReturnType<typeof due>[])[], more: Partial<LookDeps["toolGateway"]> = {}) {
  const looked: string[] = [];
  let claims = 0;
  let hear: (changes: readonly McpChange[]) => void = () => undefined;
  const looking = await startLooking({
    toolChecks: {
      claim: async ({ againInMs }) => {
        expect(againInMs).toBe(60_000);
        claims += 1;
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
  return { looking, looked, claims: () => claims, tell: (changes: readonly McpChange[]) => hear(changes) };
}

test("looks at what is due, at once at more where there was much, and then when it is told", async () => {
  const many = Array.from({ length: 8 }, (_, at) => due(`s${at}`));
  const { looking, looked, claims, tell } = await given([many, [due("last")], [], [due("new")]]);
  await using _ = looking;
  await vi.waitFor(() => expect(looked).toHaveLength(9));
  expect(claims()).toBe(2);
  tell([{ tenantId, list: "prompts" }]);
  tell([{ tenantId, list: "tools" }]);
  await vi.waitFor(() => expect(claims()).toBe(3));
  tell([{ tenantId, list: "tools" }]);
  await vi.waitFor(() => expect(looked).toContain("new"));
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

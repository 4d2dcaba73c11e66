import type { Principal } from "@devmesh/auth";
import type { Logger } from "@devmesh/observability";
import { expect, test, vi } from "vitest";
import { type OpenA2aDeps, openA2a } from "./open-a2a.ts";

const principal = { tenantId: "t", id: "k", scopes: ["agents:read"] } as unknown as Principal;

test("our own mistake goes to the log, and to the client without a word of it", async () => {
  const broken = new Error("column secret does not exist");
  const error = vi.fn();
  const app = openA2a({
    door: { guard: { check: () => undefined }, authenticator: { authenticate: async () => principal } },
    agents: { find: () => Promise.reject(broken) },
    config: { publicUrl: undefined },
    logger: { error } as unknown as Logger,
  } as unknown as OpenA2aDeps);
  const response = await app.request("/a2a/x/.well-known/agent-card.json", { headers: { authorization: "Bearer k" } });
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret");
  expect(error).toHaveBeenCalledExactlyOnceWith({ err: broken }, expect.any(String));
});

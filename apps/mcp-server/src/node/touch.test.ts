import type { ConnectionTouch } from "@devmesh/agents";
import { type AgentId, AppError } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { expect, test } from "vitest";
import type { Connection } from "../connections/connection.ts";
import { createTouch } from "./touch.ts";

test("writes the newer health when an older one could not be written", async () => {
  const connection = {
    id: "c",
    tenantId: "t",
    state: { kind: "registered", agentName: "a", agentId: "a" as AgentId },
    ackedSeq: 0,
    receivedBytes: 1,
    touchedBytes: 1,
  } as unknown as Connection;
  const written: (readonly ConnectionTouch[])[] = [];
  const touch = createTouch({
    store: {
      touch: async (rows) => {
        written.push(rows);
        if (written.length > 1) return;
        touch.health(connection, "healthy");
        throw new AppError("unavailable", "the database is not available");
      },
      detach: () => Promise.resolve(),
    },
    connections: () => [connection],
    touchMs: 15_000,
    logger: createLogger({ level: "silent", service: "mcp-server" }),
  });
  touch.health(connection, "unreachable");
  await expect.poll(() => written.length).toBe(2);
  expect(written.map(([row]) => row?.health)).toEqual(["unreachable", "healthy"]);
});

import type { FanOut } from "@devmesh/adapters";
import { type Authenticator, assertScope, readBearer } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import { type Database, sql } from "@devmesh/repositories";
import { createHealth, errorResponse, type Health, requestIdOf } from "@devmesh/runtime";

export interface HealthDeps {
  readonly database: Database;
  readonly fanOut: FanOut;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly authenticator: Authenticator;
}

/** Says how the node is, and refuses plain requests to where sockets are opened. */
export function createNodeHealth({ database, fanOut, logger, metrics, authenticator }: HealthDeps): Health {
  const health = createHealth({
    service: "mcp-server",
    probes: {
      database: {
        needed: true,
        check: async () => {
          await database.query(sql`select 1`);
        },
      },
      fan_out: {
        // without hints the slow look at the mailboxes delivers
        needed: false,
        check: async () => {
          if (!fanOut.isReady) throw new AppError("unavailable", "the fan-out is away");
        },
      },
    },
    metrics,
    authorizeMetrics: async (headers) =>
      assertScope(await authenticator.authenticate(readBearer(headers)), "metrics:read"),
    logger,
  });
  health.app.get("/ws", (c) =>
    errorResponse(
      new AppError("invalid_argument", "this address takes WebSocket upgrades only"),
      requestIdOf(c.req.header("x-request-id")),
    ),
  );
  return health;
}

import { assertFanOutReady, type FanOut, type Objects } from "@devmesh/adapters";
import { type Authenticator, assertScope, readBearer } from "@devmesh/auth";
import type { Logger, Metrics } from "@devmesh/observability";
import { type Database, sql } from "@devmesh/repositories";
import { createHealth, type Health } from "@devmesh/runtime";

export interface RestHealthDeps {
  readonly authenticator: Authenticator;
  readonly database: Database;
  readonly fanOut: FanOut;
  readonly objects?: Pick<Objects, "head"> | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Makes the service's `/healthz`, `/readyz` and `/metrics`; the last needs a key with the scope `metrics:read`. */
export function createRestHealth(deps: RestHealthDeps): Health {
  const { authenticator, database, fanOut, objects, metrics, logger } = deps;
  return createHealth({
    service: "rest-api",
    probes: {
      database: { needed: true, check: async () => void (await database.query(sql`select 1`)) },
      fan_out: { needed: false, check: async () => assertFanOutReady(fanOut) },
      // without it contexts wait; the rest goes on. Nothing is there by that name
      ...(objects !== undefined && {
        objects: { needed: false, check: async (signal) => void (await objects.head("readyz", signal)) },
      }),
    },
    metrics,
    authorizeMetrics: async (headers) =>
      assertScope(await authenticator.authenticate(readBearer(headers)), "metrics:read"),
    logger,
  });
}

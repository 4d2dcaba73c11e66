import { assertFanOutReady, type FanOut } from "@devmesh/adapters";
import { assertScope, createAuthenticator, readBearer } from "@devmesh/auth";
import type { Logger, Metrics } from "@devmesh/observability";
import { type Database, keyRepository, sql } from "@devmesh/repositories";
import { createHealth, type Health, monotonicClock, type Secret } from "@devmesh/runtime";

export interface WorkerHealthDeps {
  readonly database: Database;
  readonly fanOut: FanOut;
  /** Throws where the queue does not answer. */
  readonly assertQueueAnswers: () => void;
  /** The same of `devmesh-embeddings`. */
  readonly assertEmbeddingsAnswer: () => void;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Makes the worker's `/healthz`, `/readyz` and `/metrics`; the last needs a key with the scope `metrics:read`. */
export function createWorkerHealth(pepper: Secret, deps: WorkerHealthDeps): Health {
  const { database, fanOut, assertQueueAnswers, assertEmbeddingsAnswer, metrics, logger } = deps;
  const keys = keyRepository(database);
  const authenticator = createAuthenticator({
    findKeyByHash: (hash) => keys.findByHash(hash),
    pepper: pepper.reveal(),
    now: monotonicClock,
  });
  return createHealth({
    service: "worker",
    probes: {
      database: { needed: true, check: async () => void (await database.query(sql`select 1`)) },
      fan_out: { needed: false, check: async () => assertFanOutReady(fanOut) },
      // without it the sweep and every freed slot find the work, later
      queue: { needed: false, check: async () => assertQueueAnswers() },
      // without it documents are found by text alone, until it is back
      embeddings_queue: { needed: false, check: async () => assertEmbeddingsAnswer() },
    },
    metrics,
    authorizeMetrics: async (headers) =>
      assertScope(await authenticator.authenticate(readBearer(headers)), "metrics:read"),
    logger,
  });
}

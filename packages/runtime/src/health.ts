import { AppError, toAppError } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import { Hono } from "hono";
import { errorResponse, requestIdOf } from "./http-error.ts";
import { createProber, type Probe, type ProbeResult } from "./probe.ts";

/** What a service depends on, and who may read its metrics. */
export interface HealthOptions {
  readonly service: string;
  /** By the dependency's name, which anybody may see. */
  readonly probes: Readonly<Record<string, Probe>>;
  readonly metrics: Pick<Metrics, "metricsText" | "contentType">;
  /** Rejects with the AppError that a caller of `/metrics` is answered with: metrics are not open. */
  readonly authorizeMetrics: (headers: Headers) => Promise<void>;
  /** Hears of dependencies that go down and come back, with the error that readiness keeps to itself. */
  readonly logger?: Logger;
  /** Default 2 s. */
  readonly probeTimeoutMs?: number;
  /** How long a probed answer is given again. Default 500 ms. */
  readonly cacheMs?: number;
  readonly now?: () => number;
}

/** The operational routes of a service. */
export interface Health {
  /** Answers `/healthz`, `/readyz` and `/metrics`: mount it at `/`. */
  readonly app: Hono;
  /** Makes `/readyz` answer 503 from now on, so that no new work is sent here. */
  setDraining(): void;
}

/**
 * Makes the three operational routes of a service.
 *
 * `/healthz` says that the event loop turns. `/readyz` probes every dependency and answers 503 while a needed one is
 * down or the service drains. Both are open to anybody and show no error text.
 */
export function createHealth(options: HealthOptions): Health {
  const { service, metrics, authorizeMetrics, probeTimeoutMs = 2_000, cacheMs = 500, now = performanceNow } = options;
  const { probes, logger } = options;
  const probe = createProber({ probes, timeoutMs: probeTimeoutMs, cacheMs, now, logger });
  const app = new Hono();
  let isDraining = false;

  app.get("/healthz", (c) => c.json({ data: { status: "ok" } }));

  app.get("/readyz", async (c) => {
    const checks = await probe();
    const error = isDraining ? drainingError(service) : findUnready(service, checks);
    if (error === undefined) return c.json({ data: { status: "ready", checks } });
    return errorResponse(error, requestIdOf(c.req.header("x-request-id")));
  });

  app.get("/metrics", async (c) => {
    try {
      await authorizeMetrics(c.req.raw.headers);
      return c.body(await metrics.metricsText(), 200, { "content-type": metrics.contentType });
    } catch (caught) {
      const error = toAppError(caught);
      if (error.code === "internal") logger?.error({ err: caught }, "metrics failed");
      return errorResponse(error, requestIdOf(c.req.header("x-request-id")));
    }
  });

  app.notFound((c) =>
    errorResponse(new AppError("not_found", "no such route"), requestIdOf(c.req.header("x-request-id"))),
  );

  return {
    app,
    setDraining: () => {
      isDraining = true;
    },
  };
}

/** Whole milliseconds on the monotonic clock: finer latencies would be noise. */
function performanceNow(): number {
  return Math.round(performance.now());
}

function drainingError(service: string): AppError {
  return new AppError("unavailable", `${service} is draining`, { reason: "draining" });
}

function findUnready(service: string, checks: Readonly<Record<string, ProbeResult>>): AppError | undefined {
  const down = Object.entries(checks).filter(([, check]) => check.needed && check.status === "down");
  if (down.length === 0) return undefined;
  const names = down.map(([name]) => name).join(", ");
  return new AppError("unavailable", `${service} is not ready: ${names} is down`, {
    reason: "not_ready",
    details: { checks },
  });
}

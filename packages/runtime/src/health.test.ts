import { AppError } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createHealth, type Health, type HealthOptions } from "./health.ts";

afterEach(() => void vi.useRealTimers());

function makeHealth(options: Partial<HealthOptions> = {}): Health {
  return createHealth({
    service: "worker",
    probes: {},
    metrics: createMetrics("worker"),
    authorizeMetrics: async () => {},
    ...options,
  });
}

const up = { needed: true, check: async (): Promise<void> => {} };
const down = { needed: true, check: (): Promise<void> => Promise.reject(new Error("password=hunter2 at db:5432")) };

describe("createHealth", () => {
  it("says that the process turns", async () => {
    const answer = await makeHealth({ probes: { database: down } }).app.request("/healthz");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ data: { status: "ok" } });
  });

  it("is ready when all that is needed is up", async () => {
    const answer = await makeHealth({ probes: { database: up, redis: { ...down, needed: false } } }).app.request(
      "/readyz",
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      data: {
        status: "ready",
        checks: {
          database: { status: "up", needed: true, latencyMs: expect.any(Number) },
          redis: { status: "down", needed: false, latencyMs: expect.any(Number) },
        },
      },
    });
  });

  it("answers 503 without the error's text when a needed dependency is down", async () => {
    const answer = await makeHealth({ probes: { database: down, queue: up } }).app.request("/readyz", {
      headers: { "x-request-id": "r-1" },
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("x-request-id")).toBe("r-1");
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      error: {
        code: "unavailable",
        reason: "not_ready",
        message: "worker is not ready: database is down",
        requestId: "r-1",
      },
    });
    expect(text).not.toContain("hunter2");
  });

  it("counts a probe that hangs as down, and aborts it", async () => {
    vi.useFakeTimers();
    let seen: AbortSignal | undefined;
    const check = (signal: AbortSignal): Promise<void> => {
      seen = signal;
      return new Promise(() => {});
    };
    const answering = makeHealth({ probes: { queue: { needed: true, check } } }).app.request("/readyz");
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await answering).status).toBe(503);
    expect(seen?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts a probe that throws synchronously as down", async () => {
    const check = (): Promise<void> => {
      throw new Error("bug");
    };
    expect((await makeHealth({ probes: { queue: { needed: true, check } } }).app.request("/readyz")).status).toBe(503);
  });

  it("probes once for callers within 500 ms", async () => {
    let time = 0;
    let probed = 0;
    const probes = { database: { needed: true, check: async () => void probed++ } };
    const { app } = makeHealth({ probes, now: () => time });
    await Promise.all([app.request("/readyz"), app.request("/readyz")]);
    time = 499;
    await app.request("/readyz");
    expect(probed).toBe(1);
    time = 500;
    await app.request("/readyz");
    expect(probed).toBe(2);
  });

  it("logs a change of a dependency once, with its error", async () => {
    const lines: string[] = [];
    const logger = createLogger({
      level: "info",
      service: "worker",
      destination: { write: (line) => void lines.push(line) },
    });
    let isUp = false;
    const check = (): Promise<void> => (isUp ? Promise.resolve() : Promise.reject(new Error("refused")));
    const { app } = makeHealth({ probes: { database: { needed: true, check } }, cacheMs: 0, logger });
    await app.request("/readyz");
    await app.request("/readyz");
    isUp = true;
    await app.request("/readyz");
    await app.request("/readyz");
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["dependency is down", "dependency is up again"]);
    expect(lines[0]).toContain("refused");
  });

  it("is not ready while it drains", async () => {
    const health = makeHealth({ probes: { database: up } });
    health.setDraining();
    const answer = await health.app.request("/readyz");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: "unavailable", reason: "draining" } });
    expect((await health.app.request("/healthz")).status).toBe(200);
  });

  it("gives the metrics to whoever may read them", async () => {
    const answer = await makeHealth().app.request("/metrics");
    expect(answer.headers.get("content-type")).toContain("text/plain");
    expect(await answer.text()).toContain("process_cpu_seconds_total");
  });

  it("answers whoever may not read them in the API's shape", async () => {
    const authorizeMetrics = (): Promise<void> => Promise.reject(new AppError("unauthenticated", "no credential"));
    const answer = await makeHealth({ authorizeMetrics }).app.request("/metrics");
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    expect(await answer.json()).toEqual({
      error: { code: "unauthenticated", message: "no credential", requestId: expect.any(String) },
    });
  });

  it("shows nothing of a bug behind the metrics", async () => {
    const authorizeMetrics = (): Promise<void> => Promise.reject(new TypeError("x of undefined"));
    const answer = await makeHealth({ authorizeMetrics }).app.request("/metrics");
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("undefined");
  });

  it("answers an unknown route in the API's shape", async () => {
    expect(await (await makeHealth().app.request("/x")).json()).toMatchObject({ error: { code: "not_found" } });
  });
});

import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

describe("createMetrics", () => {
  it("counts, measures and observes with the service on every sample", async () => {
    const metrics = createMetrics("worker");
    const claimed = metrics.counter({
      name: "devmesh_tasks_claimed_total",
      help: "Tasks claimed.",
      labels: ["strategy"],
    });
    claimed.inc({ strategy: "round_robin" }, 2);
    metrics.gauge({ name: "devmesh_sockets", help: "Open sockets." }).set(7);
    metrics.histogram({ name: "devmesh_http_seconds", help: "Time.", buckets: [1, 5] }).observe(3);
    const text = await metrics.metricsText();
    expect(text).toContain('devmesh_tasks_claimed_total{strategy="round_robin",service="worker"} 2');
    expect(text).toContain('devmesh_sockets{service="worker"} 7');
    expect(text).toMatch(/devmesh_http_seconds_bucket\{le="5",service="worker"\} 1/);
    expect(metrics.contentType).toContain("text/plain");
  });

  it("has the metrics of the process from the start", async () => {
    expect(await createMetrics("worker").metricsText()).toContain("process_resident_memory_bytes");
  });

  it("reads a gauge at each scrape and keeps the last value while it is unknown", async () => {
    const metrics = createMetrics("worker");
    let depth: number | undefined = 4;
    metrics.gauge({ name: "devmesh_queue_depth", help: "Messages waiting.", read: () => depth });
    expect(await metrics.metricsText()).toContain('devmesh_queue_depth{service="worker"} 4');
    depth = undefined;
    expect(await metrics.metricsText()).toContain('devmesh_queue_depth{service="worker"} 4');
  });

  it("keeps two services in one process apart", async () => {
    const worker = createMetrics("worker");
    const rest = createMetrics("rest-api");
    worker.counter({ name: "devmesh_errors_total", help: "Errors." }).inc();
    rest.counter({ name: "devmesh_errors_total", help: "Errors." });
    expect(await rest.metricsText()).toContain('devmesh_errors_total{service="rest-api"} 0');
  });

  it("refuses a name that is taken", () => {
    const metrics = createMetrics("worker");
    metrics.counter({ name: "devmesh_errors_total", help: "Errors." });
    expect(() => metrics.counter({ name: "devmesh_errors_total", help: "Errors." })).toThrow(/already been registered/);
  });

  it("refuses a label that was not declared", () => {
    const counter = createMetrics("worker").counter({
      name: "devmesh_errors_total",
      help: "Errors.",
      labels: ["code"],
    });
    expect(() => counter.inc({ taskId: "t1" } as never)).toThrow();
  });
});

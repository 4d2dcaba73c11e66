import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** A counter that only rises: `inc({code: "conflict"})`. */
export type CounterMetric<Label extends string> = Counter<Label>;
/** A value that goes up and down. */
export type GaugeMetric<Label extends string> = Gauge<Label>;
/** A distribution: `observe({route}, seconds)`. */
export type HistogramMetric<Label extends string> = Histogram<Label>;

/** Name and meaning of a metric. */
export interface MetricOptions<Label extends string> {
  /** With its unit last, such as `devmesh_tasks_claimed_total` or `devmesh_http_request_seconds`. */
  readonly name: string;
  readonly help: string;
  /** Few-valued attributes only: ids belong in the log. */
  readonly labels?: readonly Label[];
}

/** A gauge, read when it is asked for. */
export interface GaugeOptions<Label extends string> extends MetricOptions<Label> {
  /** Read at each scrape, for a gauge without labels; a value that is not known is `undefined` and keeps the last one. */
  readonly read?: () => number | undefined;
}

/** A histogram. */
export interface HistogramOptions<Label extends string> extends MetricOptions<Label> {
  /** Upper bounds, rising; the default suits seconds from 1 ms to 30 s. */
  readonly buckets?: readonly number[];
}

/** The metrics of one service, in a registry of its own. */
export interface Metrics {
  /** A name is made once per service: making it twice is a bug and throws. */
  counter<Label extends string = never>(options: MetricOptions<Label>): CounterMetric<Label>;
  gauge<Label extends string = never>(options: GaugeOptions<Label>): GaugeMetric<Label>;
  histogram<Label extends string = never>(options: HistogramOptions<Label>): HistogramMetric<Label>;
  /** All metrics in Prometheus' text format. */
  metricsText(): Promise<string>;
  /** The content type that belongs to {@link Metrics.metricsText}. */
  readonly contentType: string;
}

const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Makes the metrics of one service in a registry of its own, so that several services live in one process. Every
 * sample carries `service`; the metrics of the process itself (CPU, memory, event loop, GC) are there from the start.
 */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return {
    counter: (options) => new Counter(toConfiguration(registry, options)),
    gauge: (options) => createGauge(registry, options),
    histogram: (options) =>
      new Histogram({ ...toConfiguration(registry, options), buckets: [...(options.buckets ?? defaultBuckets)] }),
    metricsText: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function createGauge<Label extends string>(registry: Registry, options: GaugeOptions<Label>): Gauge<Label> {
  const { read } = options;
  const configuration = toConfiguration(registry, options);
  if (read === undefined) return new Gauge(configuration);
  return new Gauge({
    ...configuration,
    collect() {
      const value = read();
      if (value !== undefined) this.set(value);
    },
  });
}

function toConfiguration<Label extends string>(
  registry: Registry,
  options: MetricOptions<Label>,
): { name: string; help: string; labelNames: Label[]; registers: Registry[] } {
  return { name: options.name, help: options.help, labelNames: [...(options.labels ?? [])], registers: [registry] };
}

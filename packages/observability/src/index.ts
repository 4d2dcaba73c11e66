export { createLogger, type Logger, type LoggerOptions, type LogLevel, logLevels } from "./logger.ts";
export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type GaugeOptions,
  type HistogramMetric,
  type HistogramOptions,
  type MetricOptions,
  type Metrics,
} from "./metrics.ts";

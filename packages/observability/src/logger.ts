import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { createPrettyStream } from "./pretty.ts";

/** The logger that is passed down; children carry `requestId`, `connectionId`, `taskId`. */
export type Logger = PinoLogger;

/** From the rarest line to none at all. */
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** How much is logged, as whom, and where to. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** Stands in every line as `service`. */
  readonly service: string;
  /** Lines for a person at a terminal instead of JSON. */
  readonly pretty?: boolean;
  /** Where lines go; standard output, written synchronously, when absent. */
  readonly destination?: DestinationStream;
}

/** Fields that never reach a log, wherever they stand down to the third level. */
const secretFields = [
  "authorization",
  "Authorization",
  '["x-api-key"]',
  "apiKey",
  "api_key",
  "token",
  "accessToken",
  "refreshToken",
  "secret",
  "secretAccessKey",
  "password",
  "pepper",
  "cookie",
  '["set-cookie"]',
];

/**
 * Makes the one logger of a service: JSON lines with an ISO time, `level` as a word, and known secrets replaced by
 * `[secret]`. Errors go in the field `err` and keep their causes.
 */
export function createLogger(options: LoggerOptions): Logger {
  const target = options.destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap(toPaths), censor: "[secret]" },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    options.pretty === true ? createPrettyStream(target) : target,
  );
}

/** pino redacts by path, and a wildcard stands for exactly one level. */
function toPaths(field: string): string[] {
  const joined = field.startsWith("[") ? field : `.${field}`;
  return [field, `*${joined}`, `*.*${joined}`];
}

import type { DestinationStream } from "pino";

const colours: Readonly<Record<string, string>> = {
  fatal: "\u001b[35m",
  error: "\u001b[31m",
  warn: "\u001b[33m",
  info: "\u001b[32m",
  debug: "\u001b[36m",
  trace: "\u001b[90m",
};
const reset = "\u001b[0m";

/** Turns JSON log lines into `12:30:01.123 INFO  worker task claimed taskId=…`; a line that is no JSON passes as it is. */
export function createPrettyStream(target: DestinationStream): DestinationStream {
  return {
    write: (line) => {
      target.write(formatLine(line));
    },
  };
}

function formatLine(line: string): string {
  const entry = parseLine(line);
  if (entry === undefined) return line;
  const { time, level, service, msg, err, ...fields } = entry;
  const word = String(level);
  const head = `${String(time).slice(11, 23)} ${colours[word] ?? ""}${word.toUpperCase().padEnd(5)}${reset} ${String(service)}`;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${formatValue(value)}`);
  return `${head} ${String(msg ?? "")}${rest.join("")}\n${formatError(err)}`;
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // not ours to judge: whoever wrote it wants it seen
  }
}

function formatValue(value: unknown): string {
  return typeof value === "string" && !/[\s="]/.test(value) ? value : JSON.stringify(value);
}

function formatError(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { stack, message } = error as { readonly stack?: unknown; readonly message?: unknown };
  return `    ${String(stack ?? message).replaceAll("\n", "\n    ")}\n`;
}

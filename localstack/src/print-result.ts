import type { Task } from "@devmesh/models";

const width = 100;
const indent = "      ";

/** One demo task and its result, for a person at a terminal. */
export function formatResult(task: Task): string {
  const took = `${(Date.parse(task.updatedAt) - Date.parse(task.createdAt)) / 1_000} s`;
  const who = task.assignedAgent === undefined ? "nobody yet" : task.assignedAgent.name;
  const head = `  ${task.type.padEnd(15)} ${task.title ?? ""} — ${task.state}, by ${who}, ${took}`;
  return [head, ...wrap(describe(task)).map((line) => indent + line)].join("\n");
}

function describe(task: Task): string {
  if (task.error !== undefined) return `${task.error.class}: ${task.error.message}`;
  if (task.unassignedBecause !== undefined) return task.unassignedBecause.message;
  const output = task.output;
  if (!isObject(output)) return JSON.stringify(output) ?? "";
  if (typeof output["summary"] === "string") return output["summary"];
  if (Array.isArray(output["keywords"])) return output["keywords"].map(toPhrase).join(", ");
  return describeMetrics(output);
}

function toPhrase(keyword: unknown): string {
  return isObject(keyword) ? String(keyword["phrase"]) : String(keyword);
}

function describeMetrics(output: Readonly<Record<string, unknown>>): string {
  const { lines, codeLines, functions, maxNesting, longestFunction } = output;
  const longest = isObject(longestFunction)
    ? `, the longest ${String(longestFunction["name"])} of ${String(longestFunction["lines"])} lines`
    : "";
  return `${lines} lines, ${codeLines} of code, ${functions} functions${longest}, braces ${maxNesting} deep`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + word.length + 1 > width - indent.length) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}

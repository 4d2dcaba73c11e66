import { TaskFailure } from "../src/index.ts";

/** The text in member `key` of a task's input; anything else will be no better on another try. */
export function readText(input: unknown, key: string): string {
  const value = readMember(input, key);
  if (typeof value !== "string" || value.trim() === "") {
    throw new TaskFailure("permanent", `input.${key} must be a string that is not blank`);
  }
  return value;
}

/** The count in member `key`, 1 to `max`, or `fallback` where there is none. */
export function readCount(
  input: unknown,
  key: string,
  { max, fallback }: { readonly max: number; readonly fallback: number },
): number {
  const value = readMember(input, key);
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > max) {
    throw new TaskFailure("permanent", `input.${key} must be an integer from 1 to ${max}`);
  }
  return value;
}

/** Member `key` of an object; undefined where there is none. */
export function readMember(input: unknown, key: string): unknown {
  if (typeof input !== "object" || input === null || !Object.hasOwn(input, key)) return undefined;
  return (input as Readonly<Record<string, unknown>>)[key];
}

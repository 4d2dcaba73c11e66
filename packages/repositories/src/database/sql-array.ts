import { assert } from "@devmesh/models";

/** A value that one parameter, or one element of an array, can hold. */
export type SqlElement = string | number | bigint | boolean | Date | null | undefined;

/** The text form of one value, `null` for null and `undefined`. Both drivers send text, so both send the same. */
export function encodeElement(value: SqlElement): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (typeof value === "number") assert(Number.isFinite(value), `parameter ${value} is not a finite number`);
  if (value instanceof Date) return value.toISOString();
  assert(typeof value !== "object", "an object is no parameter: pass JSON as text");
  return String(value);
}

/**
 * Writes a one-dimensional array literal, every element quoted, so that quotes, backslashes, line ends, commas, the word
 * NULL and JSON text of any kind survive.
 *
 * @see https://www.postgresql.org/docs/17/arrays.html#ARRAYS-IO
 */
export function encodeArray(values: readonly SqlElement[]): string {
  return `{${values.map(encodeArrayElement).join(",")}}`;
}

function encodeArrayElement(value: SqlElement): string {
  const text = encodeElement(value);
  if (text === null) return "NULL";
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

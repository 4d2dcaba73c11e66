import { AppError, type Vector } from "@devmesh/models";

/**
 * Checks what a model gave as vectors, and makes them of unit length, whether it did that itself or not: so cosine,
 * inner product and L2 give the same order for every model.
 *
 * @throws AppError `unavailable`, reason `bad_answer`
 */
export function readVectors(
  raw: unknown,
  expected: { readonly count: number; readonly dimensions: number },
): readonly Vector[] {
  if (!Array.isArray(raw)) throw badAnswer("has no vectors");
  if (raw.length !== expected.count) throw badAnswer(`has ${raw.length} vectors for ${expected.count} texts`);
  return raw.map((values: unknown, index) => readVector(values, index, expected.dimensions));
}

/** The error of an answer that can't be used. */
export function badAnswer(problem: string): AppError {
  return new AppError("unavailable", `the model's answer ${problem}`, { reason: "bad_answer" });
}

/** A member of what may be an object. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function readVector(values: unknown, index: number, dimensions: number): Vector {
  if (!Array.isArray(values)) throw badAnswer(`has no vector at ${index}`);
  if (values.length !== dimensions) {
    throw badAnswer(`has a vector of ${values.length} dimensions at ${index}, ${dimensions} were asked for`);
  }
  const vector = new Float32Array(dimensions);
  let squares = 0;
  for (let i = 0; i < dimensions; i++) {
    const value: unknown = values[i];
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw badAnswer(`has no finite number at ${i} of vector ${index}`);
    }
    vector[i] = value;
    squares += value * value;
  }
  return toUnitLength(vector, Math.sqrt(squares), index);
}

function toUnitLength(vector: Float32Array, length: number, index: number): Vector {
  if (length === 0 || !Number.isFinite(length)) throw badAnswer(`has a vector of length ${length} at ${index}`);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / length;
  return vector;
}

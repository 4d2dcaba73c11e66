import type { Agent, Task } from "@devmesh/models";
import { z } from "zod";

/**
 * A task as the server sends it. Checked for what identifies it and passed on by reference, so that users' JSON in it
 * stays as it was and a later version's fields reach the client.
 */
export const sentTaskSchema = z.custom<Task>(
  (value) => hasStrings(value, ["id", "type", "state"]),
  "must be an object with id, type and state",
);

/** An agent as the server sends it; see {@link sentTaskSchema}. */
export const sentAgentSchema = z.custom<Agent>(
  (value) => hasStrings(value, ["id", "name"]),
  "must be an object with id and name",
);

function hasStrings(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  const members: Readonly<Record<string, unknown>> = { ...value };
  return names.every((name) => typeof members[name] === "string");
}

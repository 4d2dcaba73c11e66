import type { z } from "zod";

/** The member of a schema's metadata that names the fields to list. */
export const listedFields = "listedFields";

/**
 * A view of which `tools/list` names `fields` alone: because another tool's output shows it whole, or because what else it
 * has explains itself when it comes. What a tool answers is held against all of it.
 *
 * @param whole the tool that shows it whole.
 */
export function inBrief<Schema extends z.ZodObject>(
  schema: Schema,
  fields: readonly (keyof Schema["shape"] & string)[],
  whole?: string,
): Schema {
  return schema.meta({ [listedFields]: fields, ...(whole !== undefined && { description: `As of ${whole}.` }) });
}

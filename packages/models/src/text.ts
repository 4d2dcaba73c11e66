import { z } from "zod";

/**
 * A string that Postgres can keep as text: 1 to `maxLength` code points, no U+0000 and no lone surrogate. What is
 * filtered, shown or logged is of this kind; users' JSON is not.
 */
export function textSchema(maxLength: number): z.ZodString {
  return z.string().min(1).max(maxLength).refine(isStorable, notStorable);
}

/** What is said of text that is not {@link isStorable}. */
export const notStorable = "must not hold U+0000 or a lone surrogate";

/** True for text that Postgres can keep: without U+0000, and without half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}

/** Text that {@link isStorable}: U+FFFD takes the place of what can't be kept. No longer in UTF-16 units than it was. */
export function toStorable(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}

/** Names of agents, capabilities and task types: 1–128 of letters, digits and `. _ : / -`, so that they can be topics. */
export const nameSchema: z.ZodString = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9._:/-]+$/, "may hold letters, digits and . _ : / - only");

/** Tags of a capability, and the tags a task asks for: up to 50 of them, compared as strings, case-sensitive. */
export const tagsSchema: z.ZodType<Readonly<Record<string, string>>> = z
  .record(textSchema(128), textSchema(256))
  .refine((tags) => Object.keys(tags).length <= 50, "at most 50 tags");

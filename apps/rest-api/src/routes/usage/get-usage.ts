import { AppError, isStorable, type UsageGroup, usageGroups } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cutPage, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { usageExample, usageRowSchema } from "../../schemas/cap-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

/** Days in one answer. */
const maxDays = 366;
const dayMs = 86_400_000;

const daySchema = z.iso
  .date()
  .refine((day) => day >= "1970-01-01", "must not lie before 1970")
  .optional()
  .openapi({ type: "string", format: "date", description: "UTC, inclusive." });

const groupBySchema = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(usageGroups)).min(1))
  .refine((groups) => new Set(groups).size === groups.length, "names a group twice")
  .optional()
  .transform((groups): readonly UsageGroup[] => groups ?? ["day"])
  .openapi({ type: "string", default: "day", description: `Of ${usageGroups.join(", ")}, with commas.` });

const usageQuery = z.object({
  from: daySchema,
  to: daySchema,
  groupBy: groupBySchema,
  limit: limitParameter,
  cursor: z.string().max(2_000).optional().openapi({ description: "`meta.nextCursor` of the page before." }),
});

/** `GET /usage` */
export function getUsage({ usage }: Pick<RouteDeps, "usage">): Route {
  return defineRoute({
    method: "get",
    path: "/usage",
    operationId: "getUsage",
    tag: "Usage",
    summary: "What work has cost",
    description:
      "As agents told with results and failures, by the day on which the attempt ended. Rows are in the order of their " +
      `groups. 30 days where one end of the range is left out, today the last where both are; at most ${maxDays} days.`,
    scope: "tasks:read",
    query: usageQuery,
    success: {
      status: 200,
      description: "A page.",
      data: z.array(usageRowSchema),
      isPaged: true,
      example: [usageExample],
    },
    async handle({ principal: { tenantId }, query: { from, to, groupBy, limit, cursor } }) {
      checkRange(from, to);
      const after = cursor === undefined ? undefined : decodeKey(cursor, groupBy.length);
      const found = await usage.read(tenantId, { from, to, groupBy, limit: limit + 1, after });
      const page = cutPage(found, { limit, cursorOf: ({ key }) => encodeKey(key) });
      return { data: page.items.map(({ row }) => row), meta: pageMeta(page) };
    },
  });
}

function checkRange(from: string | undefined, to: string | undefined): void {
  if (from === undefined || to === undefined) return;
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  if (days < 1) throw invalid("to", `${to} lies before ${from}`);
  if (days > maxDays) throw invalid("to", `${days} days from ${from} to ${to}, the limit is ${maxDays}`);
}

function encodeKey(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** @throws AppError `invalid_argument` for what was not given out for these groups. */
function decodeKey(text: string, length: number): readonly string[] {
  const key = parseKey(text);
  const isKey = key?.length === length && encodeKey(key) === text;
  if (key === undefined || !isKey || !key.every(isStorable)) throw invalid("cursor", "is no cursor of this list");
  return key;
}

function parseKey(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return Array.isArray(value) && value.every((part) => typeof part === "string") ? value : undefined;
  } catch {
    return undefined; // not ours: the caller refuses it
  }
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}

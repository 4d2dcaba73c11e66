import { describe, expect, test } from "vitest";
import { z } from "zod";
import { AppError } from "./errors.ts";
import { parseWith } from "./parse.ts";
import { taskSubmissionSchema } from "./task-submission.ts";

function refusalOf(work: () => unknown): AppError {
  try {
    work();
  } catch (caught) {
    if (caught instanceof AppError) return caught;
    throw caught;
  }
  throw new Error("nothing was refused");
}

describe("parseWith", () => {
  test("gives what the schema makes of the input", () => {
    expect(parseWith(z.object({ a: z.int().default(3) }), {})).toEqual({ a: 3 });
  });

  test("names every offending field, with dots and brackets", () => {
    const body = { type: "", labels: ["fine", ""], requirements: { capabilities: ["a b"], tags: { k: 1 } } };
    const error = refusalOf(() => parseWith(taskSubmissionSchema, body));
    expect(error.code).toBe("invalid_argument");
    const paths = (error.details as { path: string; message: string }[]).map(({ path }) => path);
    expect(new Set(paths)).toEqual(
      new Set(["type", "requirements.capabilities[0]", "requirements.tags.k", "labels[1]"]),
    );
    expect(error.message).toBe(`type: ${(error.details as { message: string }[])[0]?.message}`);
  });

  test("puts where the input stood before the paths", () => {
    const error = refusalOf(() => parseWith(taskSubmissionSchema, { type: "work", title: "" }, "tasks[3]"));
    expect(error.details).toEqual([expect.objectContaining({ path: "tasks[3].title" })]);
    const items = refusalOf(() => parseWith(z.array(z.int()), [1, "2"], "tasks"));
    expect(items.details).toEqual([expect.objectContaining({ path: "tasks[1]" })]);
  });

  test.each([null, undefined, "text", 3, []])("speaks of the body where %j is none", (input) => {
    const error = refusalOf(() => parseWith(taskSubmissionSchema, input));
    expect(error.message).toMatch(/^body: /);
    expect(error.details).toEqual([expect.objectContaining({ path: "" })]);
  });

  const schema = z.strictObject({
    fence: z.int().min(0).describe("From task_claim."),
    leaseMs: z.int().min(1_000).max(3_600_000).optional(),
    name: z.string().min(1).max(8).optional(),
    capabilities: z
      .array(z.object({ name: z.string(), level: z.int().optional() }))
      .max(1)
      .optional(),
    state: z.enum(["queued", "completed"]).optional(),
    at: z.iso.datetime({ offset: true }).optional(),
    only: z.literal(true).optional(),
    either: z.union([z.boolean(), z.int()]).optional(),
  });

  test.each<[unknown, string]>([
    [{}, "fence: is required: a whole number. From task_claim."],
    [{ fence: "1" }, "fence: must be a whole number, not a text"],
    [{ fence: 1.5 }, "fence: must be a whole number, not 1.5"],
    [{ fence: null }, "fence: must be a whole number, not null"],
    [{ fence: 1, leaseMs: 300 }, "leaseMs: 300 is less than 1000 milliseconds"],
    [{ fence: 1, leaseMs: 7_200_000 }, "leaseMs: 7200000 is more than 3600000 milliseconds"],
    [{ fence: 1, name: "" }, "name: must not be empty"],
    [{ fence: 1, name: "far too long" }, "name: has 12 characters, at most 8 are due"],
    [{ fence: 1, capabilities: [{ name: "a" }, { name: "b" }] }, "capabilities: has 2 items, at most 1 are due"],
    [{ fence: 1, capabilities: ["review"] }, "capabilities[0]: must be an object of name, level, not a text"],
    [{ fence: 1, state: "complete" }, 'state: "complete" is none of "queued", "completed"'],
    [{ fence: 1, only: false }, "only: must be true, not false"],
    [{ fence: true }, "fence: must be a whole number, not true"],
    [{ fence: 1, at: "tomorrow" }, "at: must be an RFC 3339 time with its offset, such as 2026-01-31T12:00:00Z"],
    [{ fence: 1, either: "x" }, "either: has none of the forms that are due"],
    [{ fence: 1, agnet: 1 }, "agnet: is no field that is known here: there are fence, leaseMs, name, "],
  ])("tells of %j what is due", (input, message) => {
    expect(refusalOf(() => parseWith(schema, input)).message).toContain(message);
  });

  test("repeats no value that may be a secret, and no more than ten unknown fields", () => {
    const unknown = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`${at}${"x".repeat(500)}`, 1]));
    const error = refusalOf(() => parseWith(schema, { fence: "hunter2", name: ["hunter2"], ...unknown }));
    expect(JSON.stringify(error.details)).not.toContain("hunter2");
    expect(error.details).toHaveLength(12);
    expect(JSON.stringify(error.details).length).toBeLessThan(4_000);
  });

  test("cuts the name of an unknown field between characters", () => {
    const error = refusalOf(() => parseWith(schema, { fence: 1, [`${"x".repeat(79)}😀`]: 1 }));
    expect(error.details).toMatchObject([{ path: `${"x".repeat(79)}\ufffd` }]);
  });
});

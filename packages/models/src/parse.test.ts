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
});

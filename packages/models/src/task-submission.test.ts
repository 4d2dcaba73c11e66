import { describe, expect, test } from "vitest";
import { taskSubmissionSchema } from "./task-submission.ts";

const accepts = (more: Record<string, unknown>) => taskSubmissionSchema.safeParse({ type: "work", ...more }).success;
const list = (count: number, item: (index: number) => string) => Array.from({ length: count }, (_, i) => item(i));
const id = (index: number) => `00000000-0000-7000-8000-${String(index).padStart(12, "0")}`;

describe("a submission", () => {
  test("needs a type alone, and gets the contract's defaults", () => {
    expect(taskSubmissionSchema.parse({ type: "work" })).toEqual({
      type: "work",
      strategy: "capability_match",
      priority: 5,
      maxAttempts: 3,
      timeoutMs: 600_000,
      dependsOn: [],
      labels: [],
    });
    expect(taskSubmissionSchema.safeParse({}).success).toBe(false);
  });

  test("loses the fields that nobody knows", () => {
    expect(taskSubmissionSchema.parse({ type: "work", colour: "red" })).not.toHaveProperty("colour");
  });

  test("keeps any JSON as its input, __proto__ included", () => {
    const input = JSON.parse('{"__proto__":{"a":[null,"\\u0000",9007199254740991]}}');
    const parsed = taskSubmissionSchema.parse({ type: "work", input });
    expect(JSON.stringify(parsed.input)).toBe(JSON.stringify(input));
    for (const plain of [null, 0, false, "", []])
      expect(taskSubmissionSchema.parse({ type: "w", input: plain }).input).toEqual(plain);
  });

  test.each<[string, readonly unknown[], readonly unknown[]]>([
    ["priority", [0, 5, 9], [-1, 10, 1.5, "5", null]],
    ["maxAttempts", [1, 20], [0, 21, 2.5]],
    ["timeoutMs", [1_000, 86_400_000], [999, 86_400_001, 1_000.5]],
    ["title", ["t", "t".repeat(200)], ["", "t".repeat(201), "\u0000"]],
    ["labels", [[], list(20, (i) => `l${i}`), ["l".repeat(64)]], [list(21, (i) => `l${i}`), ["l".repeat(65)], [""]]],
    ["ref", ["r", "r".repeat(128)], ["", "r".repeat(129)]],
    ["strategy", ["capability_match", "least_loaded", "cost_optimized", "round_robin"], ["random", ""]],
    ["outputSchema", [{}, { type: "object" }, true, false], ["{}", 1, null, []]],
    [
      "dependsOn",
      [[], list(100, id), [id(1).toUpperCase()], ["ref:a"], [`ref:${"r".repeat(128)}`], ["ref:two\nlines"]],
      [list(101, id), ["ref:"], [`ref:${"r".repeat(129)}`], ["a"], ["-".repeat(36)], [id(1).slice(1)], [1]],
    ],
    [
      "notBefore",
      [
        "2026-11-30T00:00:00Z",
        "2026-11-30T00:00:00.000Z",
        "2026-11-30T02:00:00.123456+02:00",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
      ],
      [
        "2026-11-30",
        "2026-11-30T00:00:00",
        "2026-02-30T00:00:00Z",
        "2026-11-30T25:00:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+010000-01-01T00:00:00Z",
        0,
        "soon",
      ],
    ],
  ])("bounds %s", (field, good, bad) => {
    for (const value of good) expect(accepts({ [field]: value }), `${field} = ${JSON.stringify(value)}`).toBe(true);
    for (const value of bad) expect(accepts({ [field]: value }), `${field} = ${JSON.stringify(value)}`).toBe(false);
  });

  test("has the same bounds on deadline as on notBefore", () => {
    expect(accepts({ deadline: "2026-12-01T00:00:00.000Z" })).toBe(true);
    expect(accepts({ deadline: "0001-01-01T00:00:00Z" })).toBe(false);
  });
});

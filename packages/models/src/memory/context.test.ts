import { describe, expect, it } from "vitest";
import { AppError, type FieldProblem } from "../errors.ts";
import { parseWith } from "../parse.ts";
import { isTextType, newContextSchema } from "./context.ts";

const sha256 = "0123456789abcdef".repeat(4);
const upload = { name: "report.md", mediaType: "text/markdown", size: 10, sha256 };

function problemsOf(input: unknown): readonly FieldProblem[] {
  try {
    parseWith(newContextSchema, input);
  } catch (error) {
    if (error instanceof AppError) return error.details as readonly FieldProblem[];
  }
  return [];
}

describe("newContextSchema", () => {
  it("takes an upload, with what is left out filled in", () => {
    expect(
      parseWith(newContextSchema, { ...upload, mediaType: "Text/Markdown", sha256: sha256.toUpperCase() }),
    ).toEqual({ ...upload, expiresInSeconds: 2_592_000, metadata: {} });
    expect(problemsOf({ ...upload, mediaType: "text/plain; charset=utf-8", size: 5_368_709_120 })).toEqual([]);
  });

  it("takes a short text as it is", () => {
    expect(problemsOf({ name: "a", mediaType: "application/json", content: "{}" })).toEqual([]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["name", { name: "" }],
    ["name", { name: "x".repeat(256) }],
    ["name", { name: "a\u0000" }],
    ["mediaType", { mediaType: "markdown" }],
    ["mediaType", { mediaType: "text/plain\r\nx: y" }],
    ["size", { size: 0 }],
    ["size", { size: 5_368_709_121 }],
    ["size", { size: 1.5 }],
    ["size", { size: undefined }],
    ["sha256", { sha256: "00" }],
    ["sha256", { sha256: undefined }],
    ["expiresInSeconds", { expiresInSeconds: 59 }],
    ["expiresInSeconds", { expiresInSeconds: 31_536_001 }],
    ["metadata", { metadata: [] }],
    ["metadata", { metadata: { a: "x".repeat(8_192) } }],
    ["metadata", { metadata: { a: "\u0000" } }],
    ["summarize", { mediaType: "image/png", summarize: true }],
    ["embed", { mediaType: "application/zip", embed: true }],
    ["size", { content: "text", sha256: undefined }],
    ["content", { content: "", size: undefined, sha256: undefined }],
    ["content", { content: "x".repeat(1_048_577), size: undefined, sha256: undefined }],
    ["expires", { expires: 60 }],
  ])("refuses a wrong %s: %j", (path, change) => {
    expect(problemsOf({ ...upload, ...change }).map((problem) => problem.path)).toContain(path);
  });

  it("refuses content of a type that is no text", () => {
    expect(problemsOf({ name: "a", mediaType: "image/png", content: "x" })).toEqual([
      { path: "content", message: "is for text, image/png is none" },
    ]);
  });
});

describe("isTextType", () => {
  it.each(["text/plain", "text/x-rust; charset=utf-8", "application/json", "application/ld+json", "image/svg+xml"])(
    "is true for %s",
    (type) => expect(isTextType(type)).toBe(true),
  );
  it.each(["image/png", "application/octet-stream", "application/pdf", "application/jsonx"])(
    "is false for %s",
    (type) => expect(isTextType(type)).toBe(false),
  );
});

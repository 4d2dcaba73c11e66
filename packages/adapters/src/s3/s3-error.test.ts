import { AppError } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { toS3Error } from "./s3-error.ts";

function thrown(name: string, httpStatusCode?: number): Error {
  return Object.assign(new Error("x"), { name, $metadata: { httpStatusCode } });
}

describe("toS3Error", () => {
  it.each([
    ["NoSuchKey", 404, "not_found"],
    ["NotFound", 404, "not_found"],
    ["NoSuchBucket", 404, "not_found"],
    ["PreconditionFailed", 412, "conflict"],
    ["AccessDenied", 403, "permission_denied"],
    ["SlowDown", 503, "resource_exhausted"],
    ["InternalError", 500, "unavailable"],
    ["InvalidRange", 416, "invalid_argument"],
    ["SomethingNew", 400, "invalid_argument"],
    ["SomethingNew", 401, "permission_denied"],
    ["SomethingNew", 429, "resource_exhausted"],
    ["AbortError", undefined, "cancelled"],
    ["TimeoutError", undefined, "deadline_exceeded"],
    ["ECONNREFUSED", undefined, "unavailable"],
  ])("takes %s with status %s for %s", (name, status, code) => {
    const cause = thrown(name, status);
    expect(toS3Error(cause, "s3 head")).toMatchObject({
      code,
      reason: "s3",
      cause,
      message: `s3 head failed: ${name}`,
    });
  });

  it("leaves our own errors as they are, and takes what is no error for an outage", () => {
    const own = new AppError("resource_exhausted", "too large");
    expect(toS3Error(own, "s3 put")).toBe(own);
    expect(toS3Error("x", "s3 put")).toMatchObject({ code: "unavailable", message: "s3 put failed: unknown error" });
  });
});

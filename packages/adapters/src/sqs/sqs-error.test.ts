import { AppError } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { toSqsError } from "./sqs-error.ts";

const thrown = (name: string, httpStatusCode?: number): Error =>
  Object.assign(new Error("secret words"), {
    name,
    ...(httpStatusCode !== undefined && { $metadata: { httpStatusCode } }),
  });

describe("toSqsError", () => {
  it.each([
    ["QueueDoesNotExist", 400, "not_found"],
    ["AWS.SimpleQueueService.NonExistentQueue", 400, "not_found"],
    ["RequestThrottled", 403, "resource_exhausted"],
    ["AccessDenied", 403, "permission_denied"],
    ["InvalidClientTokenId", 403, "permission_denied"],
    ["InvalidMessageContents", 400, "invalid_argument"],
    ["InternalFailure", 500, "unavailable"],
    ["Error", undefined, "unavailable"],
    ["AbortError", undefined, "cancelled"],
    ["TimeoutError", undefined, "deadline_exceeded"],
  ])("turns %s (%s) into %s", (name, status, code) => {
    const error = thrown(name, status);
    expect(toSqsError(error, "sqs send")).toMatchObject({ code, cause: error });
    expect(toSqsError(error, "sqs send").message).not.toContain("secret");
  });

  it("leaves our own errors as they are, and bears anything thrown", () => {
    const own = new AppError("unavailable", "x");
    expect(toSqsError(own, "sqs send")).toBe(own);
    expect(toSqsError(undefined, "sqs send").code).toBe("unavailable");
  });
});

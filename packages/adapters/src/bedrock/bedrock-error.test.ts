import { AppError } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { toBedrockError } from "./bedrock-error.ts";

const thrown = (name: string, status?: number, retryAfter?: string): Error =>
  Object.assign(new Error("arn:aws:sts::123456789012:assumed-role/x"), {
    name,
    ...(status !== undefined && { $metadata: { httpStatusCode: status } }),
    ...(retryAfter !== undefined && { $response: { headers: { "retry-after": retryAfter } } }),
  });

describe("toBedrockError", () => {
  it.each([
    ["ThrottlingException", 429, "resource_exhausted", "throttled"],
    ["ServiceQuotaExceededException", 400, "resource_exhausted", "throttled"],
    ["ValidationException", 400, "invalid_argument", "model_refused"],
    ["AccessDeniedException", 403, "permission_denied", "bedrock"],
    ["ExpiredTokenException", 403, "permission_denied", "bedrock"],
    ["ResourceNotFoundException", 404, "not_found", "model_not_found"],
    ["ModelTimeoutException", 408, "deadline_exceeded", "bedrock"],
    ["ModelErrorException", 424, "unavailable", "bedrock"],
    ["ModelNotReadyException", 429, "unavailable", "bedrock"],
    ["InternalServerException", 500, "unavailable", "bedrock"],
    ["ServiceUnavailableException", 503, "unavailable", "bedrock"],
    ["CredentialsProviderError", undefined, "unavailable", "no_credentials"],
    ["TimeoutError", undefined, "deadline_exceeded", "bedrock"],
    ["AbortError", undefined, "cancelled", "bedrock"],
    ["Error", undefined, "unavailable", "bedrock"],
    // an answer that breaks off is no error by its status
    ["SyntaxError", 200, "unavailable", "bedrock"],
    ["NewException", 429, "resource_exhausted", "throttled"],
    ["NewException", 403, "permission_denied", "bedrock"],
    ["NewException", 400, "invalid_argument", "model_refused"],
    ["NewException", 502, "unavailable", "bedrock"],
  ])("turns %s (%s) into %s, %s", (name, status, code, reason) => {
    const error = thrown(name, status);
    expect(toBedrockError(error, "bedrock x")).toMatchObject({ code, reason, cause: error });
  });

  it("keeps the service's words of a refused request alone, and not without end", () => {
    expect(toBedrockError(thrown("AccessDeniedException", 403), "bedrock x").message).not.toContain("arn:");
    const refused = Object.assign(new Error("y".repeat(1_000)), { name: "ValidationException" });
    const { message } = toBedrockError(refused, "bedrock x");
    expect(message).toContain("bedrock x failed: yyy");
    expect(message.length).toBeLessThan(330);
  });

  it.each([
    ["2", 2_000],
    ["0.25", 250],
    ["0", 0],
    ["86400", 60_000],
    ["soon", undefined],
    ["-1", undefined],
    [undefined, undefined],
  ])("reads when to come again from %s", (header, retryAfterMs) => {
    expect(toBedrockError(thrown("ThrottlingException", 429, header), "x").retryAfterMs).toBe(retryAfterMs);
    expect(toBedrockError(thrown("ServiceUnavailableException", 503, header), "x").retryAfterMs).toBeUndefined();
  });

  it("leaves our own errors as they are, and bears anything thrown", () => {
    const own = new AppError("deadline_exceeded", "x");
    expect(toBedrockError(own, "bedrock x")).toBe(own);
    expect(toBedrockError(undefined, "bedrock x").code).toBe("unavailable");
    expect(toBedrockError({ $metadata: null }, "bedrock x").code).toBe("unavailable");
  });
});

import { randomUUID } from "node:crypto";
import { type AppError, type ErrorCode, toErrorBody } from "@devmesh/models";

const statusByCode: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  conflict: 409,
  failed_precondition: 409,
  resource_exhausted: 429,
  cancelled: 499,
  deadline_exceeded: 504,
  unavailable: 503,
  protocol_violation: 400,
  internal: 500,
};

/** The status of an error on every HTTP edge. What is too large is 413, what came too often 429. */
export function httpStatusOf(error: AppError): number {
  if (error.code === "resource_exhausted" && error.reason === "payload_too_large") return 413;
  return statusByCode[error.code];
}

/** The caller's `X-Request-Id` where it is 1 to 128 visible ASCII characters, else a fresh one. */
export function requestIdOf(given: string | null | undefined): string {
  return given !== null && given !== undefined && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID();
}

/** The one shape of a failure over HTTP: `{"error": {…, "requestId"}}`, with `Retry-After` in whole seconds where due. */
export function errorResponse(error: AppError, requestId: string): Response {
  const headers = new Headers({ "x-request-id": requestId });
  if (error.retryAfterMs !== undefined) headers.set("retry-after", String(Math.ceil(error.retryAfterMs / 1_000)));
  if (error.code === "unauthenticated") headers.set("www-authenticate", "Bearer");
  return Response.json({ error: { ...toErrorBody(error), requestId } }, { status: httpStatusOf(error), headers });
}

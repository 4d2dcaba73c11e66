import { type AppError, toAppError, toErrorBody } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError } from "@modelcontextprotocol/server";

/**
 * What a request that is no call of a tool is answered with when it fails. A resource that is not there is -32602 with
 * its URI in `data`, in both generations: the SDK sends -32002, which the older one names, to nobody.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/resources#error-handling
 */
export function toProtocolError(caught: unknown, about: { readonly uri?: string; readonly logger: Logger }): Error {
  if (caught instanceof ProtocolError) return caught;
  const error = toAppError(caught);
  if (error.code === "not_found" && about.uri !== undefined) {
    return new ResourceNotFoundError(about.uri, `Resource not found: ${about.uri} (${error.message})`);
  }
  if (error.code === "internal") about.logger.error({ err: error.cause ?? error, uri: about.uri }, "a request failed");
  return new ProtocolError(
    codeOf(error),
    error.code === "internal" ? "internal error" : error.message,
    toErrorBody(error),
  );
}

function codeOf({ code }: AppError): number {
  switch (code) {
    case "invalid_argument":
    case "not_found":
    case "failed_precondition":
    case "conflict":
      return ProtocolErrorCode.InvalidParams;
    case "permission_denied":
    case "unauthenticated":
    case "protocol_violation":
      return ProtocolErrorCode.InvalidRequest;
    case "internal":
    case "resource_exhausted":
    case "cancelled":
    case "deadline_exceeded":
    case "unavailable":
      return ProtocolErrorCode.InternalError;
  }
}

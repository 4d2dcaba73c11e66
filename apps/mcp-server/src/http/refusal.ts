import { AppError, type ErrorCode, toErrorBody } from "@devmesh/models";
import { httpStatusOf } from "@devmesh/runtime";
import type { ProtocolError } from "@modelcontextprotocol/server";
import type { EchoedId } from "./json-rpc.ts";

const internalError = -32_603;
const invalidParams = -32_602;
const parseError = -32_700;
const invalidRequest = -32_600;
/** What a server says outside JSON-RPC's own codes; which of our codes it is stands in `data`. */
const serverError = -32_000;

const rpcCodeByCode: Partial<Readonly<Record<ErrorCode, number>>> = {
  invalid_argument: invalidRequest,
  protocol_violation: invalidRequest,
  internal: internalError,
};

/**
 * Answers a request that no MCP server sees, as a JSON-RPC error with the HTTP status of the code and our own error in
 * `data`. What is no JSON is -32700, what is no message -32600, everything else -32000.
 */
export function refusal(
  error: AppError,
  id: EchoedId = null,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { message, ...data } = toErrorBody(error);
  const answer = Response.json(
    { jsonrpc: "2.0", id, error: { code: rpcCodeOf(error), message, data } },
    { status: statusOf(error), headers },
  );
  if (error.retryAfterMs !== undefined)
    answer.headers.set("retry-after", String(Math.ceil(error.retryAfterMs / 1_000)));
  return answer;
}

/** Answers with an error of the SDK's, which has a code of its own. */
export function protocolRefusal({ code, message, data }: ProtocolError, id: EchoedId): Response {
  return Response.json({ jsonrpc: "2.0", id, error: { code, message, data } }, { status: 400 });
}

/** The error of an HTTP method, or of an address, that is not offered. */
export function methodNotAllowed(message: string): AppError {
  return new AppError("invalid_argument", message, { reason: "method_not_allowed" });
}

function rpcCodeOf(error: AppError): number {
  if (error.reason === "malformed_json") return parseError;
  if (error.reason === "invalid_params") return invalidParams;
  if (isAboutHttp(error)) return serverError;
  return rpcCodeByCode[error.code] ?? serverError;
}

const httpStatuses: Readonly<Record<string, number>> = {
  unsupported_media_type: 415,
  method_not_allowed: 405,
  not_acceptable: 406,
};

function isAboutHttp({ reason }: AppError): boolean {
  return httpStatuses[reason ?? ""] !== undefined;
}

function statusOf(error: AppError): number {
  return httpStatuses[error.reason ?? ""] ?? httpStatusOf(error);
}

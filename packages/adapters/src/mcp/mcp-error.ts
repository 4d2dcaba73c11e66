import { AppError } from "@devmesh/models";
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from "@modelcontextprotocol/client";
import { failureIn } from "./screened-transport.ts";

/** Of what a server says of an error: data, shown as that. */
const maxSaidLength = 500;
/** Far more than anybody puts around an error. */
const maxCauses = 8;
/** JSON-RPC's for a method, and for parameters, that the server doesn't take. */
const refusals: ReadonlySet<number> = new Set([-32_601, -32_602]);

/**
 * Turns what the client throws into an AppError, the original as `cause`. `isCancelled` says that nobody waits any more;
 * `failure` is why the connection is over, where it is.
 */
export function toMcpError(
  caught: unknown,
  about: { readonly server: string; readonly isCancelled: boolean; readonly failure: AppError | undefined },
): AppError {
  const own = failureIn(caught) ?? findOwn(caught);
  if (own !== undefined) return own;
  const { server, isCancelled, failure } = about;
  if (isCancelled)
    return new AppError("cancelled", `the call of tool server ${server} was cancelled`, { cause: caught });
  if (failure !== undefined) return failure;
  if (caught instanceof SdkHttpError) return toHttpError(caught, server);
  if (caught instanceof SdkError) return toSdkError(caught, server);
  if (caught instanceof ProtocolError) return toRpcError(caught, server);
  // what its schemas say of an answer, and JSON itself
  return badAnswer(server, caught);
}

/** What was thrown below the client, which may have put words of its own around it. */
function findOwn(caught: unknown): AppError | undefined {
  let error = caught;
  for (let depth = 0; depth < maxCauses && error instanceof Error; depth += 1) {
    if (error instanceof AppError) return error;
    error = error.cause;
  }
  return undefined;
}

function toHttpError(error: SdkHttpError, server: string): AppError {
  const { status } = error.data;
  if (status === 401 || status === 403) {
    const message = `tool server ${server} refused the credentials that it was registered with: HTTP ${status}`;
    return new AppError("failed_precondition", message, { reason: "tool_unauthorized", cause: error });
  }
  const redirected = status !== undefined && status >= 300 && status < 400 ? ", a redirect, which is not followed" : "";
  const message = `tool server ${server} answered with HTTP ${status}${redirected}`;
  return new AppError("unavailable", message, { reason: "tool_unreachable", cause: error });
}

function toSdkError(error: SdkError, server: string): AppError {
  switch (error.code) {
    case SdkErrorCode.UnsupportedResultType:
      return new AppError("failed_precondition", `tool server ${server} asks for input, which no tool gets`, {
        reason: "input_refused",
        cause: error,
      });
    case SdkErrorCode.ConnectionClosed:
    case SdkErrorCode.NotConnected:
    case SdkErrorCode.SendFailed:
      return new AppError("unavailable", `tool server ${server} went`, { reason: "tool_crashed", cause: error });
    case SdkErrorCode.RequestTimeout:
      return new AppError("deadline_exceeded", `tool server ${server} did not answer`, { cause: error });
    default:
      return badAnswer(server, error);
  }
}

function toRpcError(error: ProtocolError, server: string): AppError {
  const details = { code: error.code, said: error.message.slice(0, maxSaidLength).toWellFormed() };
  if (refusals.has(error.code)) {
    const message = `tool server ${server} refused the call`;
    return new AppError("invalid_argument", message, { reason: "tool_refused", details, cause: error });
  }
  const message = `tool server ${server} answered with error ${error.code}`;
  return new AppError("unavailable", message, { reason: "tool_error", details, cause: error });
}

function badAnswer(server: string, cause: unknown): AppError {
  return new AppError("unavailable", `tool server ${server} answered what is no answer`, {
    reason: "bad_answer",
    cause,
  });
}

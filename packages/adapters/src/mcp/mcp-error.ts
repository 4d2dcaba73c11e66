import { AppError, cleanText, type ErrorCode } from "@devmesh/models";
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from "@modelcontextprotocol/client";
import type { HideSecrets } from "./hide-secrets.ts";
import { failureIn } from "./screened-transport.ts";

/** Where an error was thrown. */
export interface ErrorScope {
  readonly server: string;
  readonly hide: HideSecrets;
  /** Nobody waits any more. */
  readonly isCancelled: boolean;
  /** Why the connection is over, where it is. */
  readonly failure: AppError | undefined;
}

/** Of what a server says of an error: data, shown as that. */
const maxSaidLength = 500;
/** A secret that is cut at the end of what is read is far behind what is shown. */
const maxReadLength = 32_768;
/** Far more than anybody puts around an error. */
const maxCauses = 8;
/** JSON-RPC's for a method, and for parameters, that the server doesn't take. */
const refusals: ReadonlySet<number> = new Set([-32_601, -32_602]);

/** What an error of the client's means, in the words of this project. */
interface Meaning {
  readonly code: ErrorCode;
  readonly reason?: string;
  readonly message: string;
  readonly details?: unknown;
}

/** Turns what the client throws into an AppError. Its `cause` says what the client said, without secrets. */
export function toMcpError(caught: unknown, { server, hide, isCancelled, failure }: ErrorScope): AppError {
  const own = failureIn(caught) ?? findOwn(caught);
  if (own !== undefined) return own;
  if (failure !== undefined && !isCancelled) return failure;
  const { code, message, ...options } = isCancelled ? cancelled : meaningOf(caught, hide);
  const said = caught instanceof Error ? `${caught.name}: ${caught.message}` : String(caught);
  const cause = new Error(toSaid(said, hide));
  return new AppError(code, `tool server ${server} ${message}`, { ...options, cause });
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

function meaningOf(caught: unknown, hide: HideSecrets): Meaning {
  if (caught instanceof SdkHttpError) return meaningOfStatus(caught.data.status);
  if (caught instanceof SdkError) return meaningOfSdkCode(caught.code);
  if (caught instanceof ProtocolError) return meaningOfRpc(caught, hide);
  // what its schemas say of an answer, and JSON itself
  return badAnswer;
}

function meaningOfStatus(status: number | undefined): Meaning {
  if (status === 401 || status === 403) {
    const message = `refused the credentials that it was registered with: HTTP ${status}`;
    return { code: "failed_precondition", reason: "tool_unauthorized", message };
  }
  const isRedirect = status !== undefined && status >= 300 && status < 400;
  const message = `answered with HTTP ${status}${isRedirect ? ", a redirect, which is not followed" : ""}`;
  return { code: "unavailable", reason: "tool_unreachable", message };
}

function meaningOfSdkCode(code: string): Meaning {
  switch (code) {
    case SdkErrorCode.UnsupportedResultType:
      return inputRefused;
    case SdkErrorCode.ConnectionClosed:
    case SdkErrorCode.NotConnected:
    case SdkErrorCode.SendFailed:
      return { code: "unavailable", reason: "tool_crashed", message: "went" };
    case SdkErrorCode.RequestTimeout:
      return { code: "deadline_exceeded", message: "did not answer" };
    default:
      return badAnswer;
  }
}

function meaningOfRpc(error: ProtocolError, hide: HideSecrets): Meaning {
  const details = { code: error.code, said: toSaid(error.message, hide) };
  if (refusals.has(error.code)) {
    return { code: "invalid_argument", reason: "tool_refused", message: "refused the call", details };
  }
  return { code: "unavailable", reason: "tool_error", message: `answered with error ${error.code}`, details };
}

/** What is hidden in it could stand between the parts of a secret: that goes first. */
function toSaid(text: string, hide: HideSecrets): string {
  return hide(cleanText(text, maxReadLength)).slice(0, maxSaidLength).toWellFormed();
}

const cancelled: Meaning = { code: "cancelled", message: "is not waited for any more" };
const badAnswer: Meaning = { code: "unavailable", reason: "bad_answer", message: "answered what is no answer" };
const inputRefused: Meaning = {
  code: "failed_precondition",
  reason: "input_refused",
  message: "asks for input, which no tool gets",
};

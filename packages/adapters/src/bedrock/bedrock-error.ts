import { AppError, type ErrorCode } from "@devmesh/models";
import { nameOfAwsError, statusOfAwsError } from "../aws-error.ts";

/** What an error of the SDK means to whoever called. */
interface Meaning {
  readonly code: ErrorCode;
  readonly reason: string;
}

const throttled: Meaning = { code: "resource_exhausted", reason: "throttled" };
const refused: Meaning = { code: "invalid_argument", reason: "model_refused" };
const denied: Meaning = { code: "permission_denied", reason: "bedrock" };
const away: Meaning = { code: "unavailable", reason: "bedrock" };
const late: Meaning = { code: "deadline_exceeded", reason: "bedrock" };

/**
 * Error names of Bedrock Runtime's API reference, of the gateway before it, and of the SDK. ModelNotReady is a 429 by its
 * status, and still nothing that going slower would cure.
 */
const meaningByName: ReadonlyMap<string, Meaning> = new Map([
  ["ThrottlingException", throttled],
  ["TooManyRequestsException", throttled],
  ["ServiceQuotaExceededException", throttled],
  ["ValidationException", refused],
  ["SerializationException", refused],
  ["AccessDeniedException", denied],
  ["UnrecognizedClientException", denied],
  ["InvalidSignatureException", denied],
  ["ExpiredTokenException", denied],
  ["ResourceNotFoundException", { code: "not_found", reason: "model_not_found" }],
  ["ModelNotReadyException", away],
  ["ModelTimeoutException", late],
  ["ModelErrorException", away],
  ["ServiceUnavailableException", away],
  ["InternalServerException", away],
  ["CredentialsProviderError", { code: "unavailable", reason: "no_credentials" }],
  ["TimeoutError", late],
  ["AbortError", { code: "cancelled", reason: "bedrock" }],
]);

/** A sentence of the service about the request: enough to tell what is wrong with it. */
const maxMessageLength = 300;
/** Whoever says more is not waited for: another region or model is. */
const maxRetryAfterMs = 60_000;

/**
 * Turns what the Bedrock client throws into an AppError that names the operation, with the original as `cause`. No answer at
 * all, and one that breaks off, is `unavailable`. Only of a refused request the service's own words are kept: others name
 * accounts and roles.
 */
export function toBedrockError(caught: unknown, operation: string): AppError {
  if (caught instanceof AppError) return caught;
  const name = nameOfAwsError(caught);
  const meaning = meaningByName.get(name) ?? meaningOfStatus(statusOfAwsError(caught));
  const words = meaning === refused && caught instanceof Error ? caught.message.slice(0, maxMessageLength) : name;
  return new AppError(meaning.code, `${operation} failed: ${words}`, {
    reason: meaning.reason,
    retryAfterMs: meaning === throttled ? readRetryAfterMs(caught) : undefined,
    cause: caught,
  });
}

function meaningOfStatus(status: number | undefined): Meaning {
  if (status === undefined || status >= 500 || status < 400) return away;
  if (status === 429) return throttled;
  return status === 401 || status === 403 ? denied : refused;
}

/** From the header, in seconds; that form alone is used by AWS. */
function readRetryAfterMs(caught: unknown): number | undefined {
  const seconds = Number.parseFloat(String(readPath(caught, ["$response", "headers", "retry-after"])));
  return seconds >= 0 ? Math.min(Math.ceil(seconds * 1_000), maxRetryAfterMs) : undefined;
}

function readPath(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined),
    value,
  );
}

import { AppError } from "@devmesh/models";

/** What AWS calls an error, and the status that it comes with. */
const statusByName = {
  ValidationException: 400,
  IncompleteSignatureException: 403,
  MissingAuthenticationTokenException: 403,
  InvalidSignatureException: 403,
  UnrecognizedClientException: 403,
  AccessDeniedException: 403,
  ResourceNotFoundException: 404,
  UnknownOperationException: 404,
  ModelTimeoutException: 408,
  RequestEntityTooLargeException: 413,
  ModelErrorException: 424,
  ThrottlingException: 429,
  ModelNotReadyException: 429,
  InternalServerException: 500,
  ServiceUnavailableException: 503,
} as const;

/** One of AWS's error names that the stand-in may answer with. */
export type RefusalName = keyof typeof statusByName;

/** All of them. */
export const refusalNames = Object.keys(statusByName) as readonly RefusalName[];

/** The error that ends a request as AWS would: its name goes into `x-amzn-errortype`, its message into the body. */
export function refusal(name: RefusalName, message: string): AppError {
  return new AppError("invalid_argument", message, { reason: name });
}

/** How anything caught is answered; what is our own bug looks like one of AWS. */
export function toRefused(caught: unknown): {
  readonly status: number;
  readonly name: RefusalName;
  readonly message: string;
} {
  const reason = caught instanceof AppError ? caught.reason : undefined;
  const name = refusalNames.find((known) => known === reason) ?? "InternalServerException";
  return { status: statusByName[name], name, message: caught instanceof Error ? caught.message : String(caught) };
}

import { A2AError, RequestMalformedError, TaskNotFoundError, UnsupportedOperationError } from "@a2a-js/sdk/errors";
import { type AppError, toAppError } from "@devmesh/models";

const errorsByCode: Readonly<Partial<Record<AppError["code"], new (message: string) => A2AError>>> = {
  invalid_argument: RequestMalformedError,
  not_found: TaskNotFoundError,
  conflict: UnsupportedOperationError,
  failed_precondition: UnsupportedOperationError,
};

/**
 * What a client of A2A is told: the protocol's own error where it has one. What has none, and our own mistakes, are its
 * internal error: of the latter `report` hears, and the client no word.
 */
export function toA2aError(caught: unknown, report: (error: unknown) => void): Error {
  if (caught instanceof A2AError) return caught;
  const error = toAppError(caught);
  if (error.code === "internal") {
    report(caught);
    return new Error("internal error");
  }
  const Known = errorsByCode[error.code];
  return Known === undefined ? new Error(`${error.code}: ${error.message}`) : new Known(error.message);
}

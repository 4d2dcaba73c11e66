import { AppError } from "@devmesh/models";

/** Longest `Idempotency-Key`. */
const maxLength = 255;

/** Reads the `Idempotency-Key` header. @throws AppError `invalid_argument` for one of no or of more than 255 characters. */
export function readIdempotencyKey(headers: Headers): string | undefined {
  const key = headers.get("idempotency-key");
  if (key === null) return undefined;
  if (key.length >= 1 && key.length <= maxLength) return key;
  const message = `Idempotency-Key of ${key.length} characters: it must have 1 to ${maxLength}`;
  throw new AppError("invalid_argument", message, { details: [{ path: "Idempotency-Key", message }] });
}

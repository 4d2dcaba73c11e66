import type { Principal } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import type { RequestKey } from "@devmesh/repositories";
import { hashBody } from "@devmesh/tasks";

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

/** The `Idempotency-Key` of a request with what its body and its principal make of it. @throws as {@link readIdempotencyKey}. */
export function readRequestKey(request: {
  readonly headers: Headers;
  readonly principal: Pick<Principal, "id">;
  readonly body: unknown;
}): RequestKey | undefined {
  const key = readIdempotencyKey(request.headers);
  if (key === undefined) return undefined;
  return { principalId: request.principal.id, key, bodyHash: hashBody(request.body) };
}

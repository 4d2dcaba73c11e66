import type { ObjectHead, Objects } from "@devmesh/adapters";
import {
  AppError,
  type Collection,
  importPrefix,
  maxImportBytes,
  maxImportUploadBytes,
  type NewId,
  parseWith,
  type TenantId,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";

/** For the document and the parser: the JSON of `POST /collections/{id}/import`. */
export const importSourceSchema = z
  .strictObject({
    key: z
      .string()
      .min(1)
      .max(1_024)
      .regex(/^[\x20-\x7e]+$/, "must be printable ASCII"),
  })
  .meta({ id: "ImportSource", description: "An object below the tenant's own prefix, `imports/<tenant id>/`." });

/** An object that is imported: this very content of it. */
export interface ImportSource {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** What makes a repeated request recognisable. */
  readonly identity: unknown;
}

/** A key that nobody has. */
export function newImportKey({ tenantId, id }: Pick<Collection, "tenantId" | "id">, newId: NewId): string {
  return `${importPrefix(tenantId)}${id}/${newId()}.ndjson`;
}

/**
 * Finds the object that a request names.
 *
 * @throws AppError `invalid_argument` for a key of another prefix, an empty object or one of more than 5 GiB; `not_found`
 * for none.
 */
export async function findSource(
  objects: Pick<Objects, "head">,
  { tenantId, body, signal }: { readonly tenantId: TenantId; readonly body: unknown; readonly signal: AbortSignal },
): Promise<ImportSource> {
  const { key } = parseWith(importSourceSchema, body);
  const isOwn = key.startsWith(importPrefix(tenantId)) && !key.split("/").some((part) => part === "." || part === "..");
  if (!isOwn) throw refuse("key", `must begin with ${importPrefix(tenantId)}`);
  const head: ObjectHead | undefined = await objects.head(key, signal);
  if (head === undefined) throw new AppError("not_found", `no object ${JSON.stringify(key.slice(0, 200))}`);
  const { size, etag } = head;
  if (size === 0 || size > maxImportBytes) {
    throw refuse("key", `names an object of ${size} bytes: there must be 1 to ${maxImportBytes}`);
  }
  return { key, etag, size, identity: { key } };
}

/**
 * Brings the body of a request to S3 as it comes, never as a whole in memory.
 *
 * @throws AppError `resource_exhausted`, reason `payload_too_large`, past 1 GiB; `invalid_argument` for an empty one;
 * `cancelled` for one that breaks off.
 */
export async function storeSource(
  objects: Pick<Objects, "put" | "delete">,
  request: {
    readonly key: string;
    readonly stream: ReadableStream<Uint8Array>;
    readonly headers: Headers;
    readonly signal: AbortSignal;
  },
): Promise<ImportSource> {
  const { key, stream, headers, signal } = request;
  const declared = Number(headers.get("content-length") ?? 0);
  if (declared > maxImportUploadBytes) throw tooLarge(`body of ${declared} bytes`);
  const { size, etag, sha256 } = await put(objects, { key, stream, signal });
  if (size === 0) {
    await objects.delete([key], signal);
    throw new AppError("invalid_argument", "the body is empty, NDJSON is due");
  }
  return { key, etag, size, identity: { sha256 } };
}

async function put(
  objects: Pick<Objects, "put">,
  {
    key,
    stream,
    signal,
  }: { readonly key: string; readonly stream: ReadableStream<Uint8Array>; readonly signal: AbortSignal },
): Promise<Awaited<ReturnType<Objects["put"]>>> {
  try {
    return await objects.put(key, toPieces(stream), {
      mediaType: "application/x-ndjson",
      maxBytes: maxImportUploadBytes,
      signal,
    });
  } catch (error) {
    if (error instanceof AppError && error.reason === "too_large") throw tooLarge("the body");
    throw error;
  }
}

/** Whoever sends it may go away in the middle. */
async function* toPieces(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* stream;
  } catch (cause) {
    throw new AppError("cancelled", "the body ended before its time", { cause });
  }
}

function refuse(path: string, message: string): AppError {
  return new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}

function tooLarge(what: string): AppError {
  const message = `${what} exceeds the limit of ${maxImportUploadBytes} bytes: upload it to S3, and import its key`;
  return new AppError("resource_exhausted", message, { reason: "payload_too_large" });
}

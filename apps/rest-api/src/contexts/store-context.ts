import { createHash } from "node:crypto";
import type { ObjectHead, Objects } from "@devmesh/adapters";
import { expiredContext, noContext } from "@devmesh/memory";
import {
  AppError,
  type ContextId,
  type ContextWrite,
  contextKey,
  isTextType,
  maxInlineContextBytes,
  type NewContext,
  type StoredContext,
  type TenantId,
} from "@devmesh/models";
import type { ContextRepository } from "@devmesh/repositories";

/** What storing contexts stands on. */
export interface StoreContextDeps {
  readonly contexts: Pick<ContextRepository, "find" | "complete">;
  readonly objects: Pick<Objects, "head" | "put" | "delete">;
}

/** A context of a tenant. */
export interface ContextAsked {
  readonly tenantId: TenantId;
  readonly id: ContextId;
  readonly signal: AbortSignal;
}

/** What is written of a context that is asked for: of `content`, size and checksum are known. */
export function toContextWrite(id: ContextId, asked: NewContext): ContextWrite {
  const { name, mediaType, metadata, expiresInSeconds, content } = asked;
  const isText = isTextType(mediaType);
  const { size, sha256 } = content === undefined ? asked : measure(content);
  // the schema has seen to it; here the compiler does
  if (size === undefined || sha256 === undefined) throw new AppError("invalid_argument", "size: is required");
  const digest = { summarize: asked.summarize ?? isText, embed: asked.embed ?? isText };
  return { id, name, mediaType, size, sha256, metadata, expiresInSeconds, ...digest };
}

/** Stores a text that came with its request, and completes its context. */
export async function storeContent(
  { contexts, objects }: StoreContextDeps,
  { tenantId, id, signal }: ContextAsked,
  { mediaType, content }: { readonly mediaType: string; readonly content: string },
): Promise<StoredContext> {
  const key = contextKey({ tenantId, id });
  const put = { mediaType, maxBytes: maxInlineContextBytes, signal };
  const { etag } = await objects.put(key, once(Buffer.from(content)), put);
  return (await contexts.complete(tenantId, id, etag)) ?? refuseUnknown(id);
}

/**
 * Completes an upload: what is there must be what was promised. One that is `ready` already is answered as it is.
 *
 * @throws AppError `not_found`; `failed_precondition`, reason `expired`, `not_uploaded`, or `upload_mismatch`: then the
 * object is removed, and may be uploaded anew.
 */
export async function completeUpload(deps: StoreContextDeps, asked: ContextAsked): Promise<StoredContext> {
  const { tenantId, id, signal } = asked;
  const context = (await deps.contexts.find(tenantId, id)) ?? refuseUnknown(id);
  if (context.state === "ready") return context;
  if (context.state === "expired") throw expiredContext(id);
  const key = contextKey({ tenantId, id });
  const found = await deps.objects.head(key, signal);
  if (found === undefined) {
    throw new AppError("failed_precondition", `context ${id} is not uploaded yet`, { reason: "not_uploaded" });
  }
  if (found.size !== context.size || found.sha256 !== context.sha256) {
    await deps.objects.delete([key], signal);
    throw mismatch(context, found);
  }
  const completed = (await deps.contexts.complete(tenantId, id, found.etag)) ?? refuseUnknown(id);
  if (completed.state === "expired") throw expiredContext(id);
  return completed;
}

/** For a context that the tenant does not have, or not any more. */
export function refuseUnknown(id: ContextId): never {
  throw noContext(id);
}

function mismatch({ id, size, sha256 }: StoredContext, found: ObjectHead): AppError {
  const message =
    found.size === size
      ? `what was uploaded for context ${id} has the SHA-256 ${found.sha256 ?? "unknown"}, not ${sha256}`
      : `what was uploaded for context ${id} has ${found.size} bytes, not ${size}`;
  const details = { expected: { size, sha256 }, found: { size: found.size, sha256: found.sha256 } };
  return new AppError("failed_precondition", message, { reason: "upload_mismatch", details });
}

function measure(content: string): { readonly size: number; readonly sha256: string } {
  const bytes = Buffer.from(content);
  return { size: bytes.byteLength, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

import type { Objects } from "@devmesh/adapters";
import { AppError, type ContextId, contextKey, type StoredContext, type TenantId } from "@devmesh/models";
import type { ContextRepository } from "@devmesh/repositories";

/** A request that reads a context from S3 itself. */
export interface ContextDownload {
  readonly method: "GET";
  readonly url: string;
  /** ISO 8601; never later than the context's own end. */
  readonly expiresAt: string;
}

/** The bucket of contexts. @throws AppError `failed_precondition`, reason `not_configured`, where there is none. */
export function objectsOf({ objects }: { readonly objects: Objects | undefined }): Objects {
  if (objects !== undefined) return objects;
  throw new AppError("failed_precondition", "this mesh has no bucket for contexts", { reason: "not_configured" });
}

/**
 * The context, which can be read.
 *
 * @throws AppError `not_found`; `failed_precondition`, reason `expired` or `not_uploaded`.
 */
export async function findReadable(
  contexts: Pick<ContextRepository, "find">,
  tenantId: TenantId,
  id: ContextId,
): Promise<StoredContext> {
  const context = await contexts.find(tenantId, id);
  if (context === undefined) throw noContext(id);
  if (context.state === "expired") throw expiredContext(id);
  if (context.state === "ready") return context;
  throw new AppError("failed_precondition", `context ${id} is not uploaded yet`, { reason: "not_uploaded" });
}

/** Signs a request that reads a context, which may be begun for `expiresInSeconds`. */
export async function signDownload(
  objects: Pick<Objects, "presignGet">,
  { tenantId, context }: { readonly tenantId: TenantId; readonly context: StoredContext },
  expiresInSeconds: number,
): Promise<ContextDownload> {
  const { id, mediaType, name: fileName } = context;
  const key = contextKey({ tenantId, id });
  const { method, url, expiresAt } = await objects.presignGet({ key, mediaType, fileName, expiresInSeconds });
  const end = Math.min(expiresAt.getTime(), Date.parse(context.expiresAt));
  return { method, url, expiresAt: new Date(end).toISOString() };
}

/** For a context that the tenant does not have, or not any more. */
export function noContext(id: ContextId): AppError {
  return new AppError("not_found", `no context ${id}`);
}

/** For one whose time is over. */
export function expiredContext(id: ContextId): AppError {
  return new AppError("failed_precondition", `context ${id} has expired`, { reason: "expired" });
}

import { AppError, type Collection, type StoredDocument } from "@devmesh/models";
import type { RouteRequest } from "../../http/route.ts";
import { findCollection } from "../collections/find-collection.ts";
import type { RouteDeps } from "../route-deps.ts";

/** The document that a path names, by id or external id. @throws AppError `not_found`. */
export async function findDocument(
  deps: Pick<RouteDeps, "collections" | "documents">,
  request: Pick<RouteRequest, "principal" | "params">,
): Promise<{ readonly collection: Collection; readonly document: StoredDocument }> {
  const collection = await findCollection(deps, request);
  const idOrExternalId = request.params["documentId"] ?? "";
  const ref = { tenantId: collection.tenantId, collectionId: collection.id };
  // what Postgres can't keep as text names nothing
  const isText = idOrExternalId.isWellFormed() && !idOrExternalId.includes("\u0000");
  const document = isText ? await deps.documents.find(ref, idOrExternalId) : undefined;
  if (document === undefined) throw noDocument(idOrExternalId);
  return { collection, document };
}

/** For a document that the collection does not have. */
export function noDocument(idOrExternalId: string): AppError {
  return new AppError("not_found", `no document ${JSON.stringify(idOrExternalId.slice(0, 80))}`);
}

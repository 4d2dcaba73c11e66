import { findCollections } from "@devmesh/embedding";
import { AppError, type Collection } from "@devmesh/models";
import type { RouteRequest } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";

/** The collection that a path names, by id or name. @throws AppError `not_found` for one that the tenant does not have. */
export async function findCollection(
  deps: Pick<RouteDeps, "collections">,
  { principal, params }: Pick<RouteRequest, "principal" | "params">,
): Promise<Collection> {
  const idOrName = params["id"] ?? "";
  // nothing else can be a collection's id or name, and what holds U+0000 is no text for Postgres
  const [found] = /^[A-Za-z0-9._:/-]{1,128}$/.test(idOrName)
    ? await findCollections(deps, principal.tenantId, [idOrName])
    : [];
  if (found === undefined) throw noCollection(idOrName);
  return found;
}

/** For a collection that was deleted between two steps. */
export function noCollection(idOrName: string): AppError {
  return new AppError("not_found", `no collection ${JSON.stringify(idOrName.slice(0, 80))}`);
}

import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { cancelImport, getImport, listImports } from "./read-imports.ts";
import { prepareImport, startImport } from "./start-import.ts";
import { streamImport } from "./stream-import.ts";

/** All routes of imports. */
export function importRoutes(deps: RouteDeps): readonly Route[] {
  return [
    startImport(deps),
    prepareImport(deps),
    listImports(deps),
    getImport(deps),
    cancelImport(deps),
    streamImport(deps),
  ];
}

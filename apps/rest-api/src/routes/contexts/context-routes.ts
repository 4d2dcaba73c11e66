import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { completeContext, deleteContext } from "./change-context.ts";
import { createContext } from "./create-context.ts";
import { downloadContext, getContext, listContexts } from "./read-contexts.ts";
import { searchContexts } from "./search-contexts.ts";

/** The routes of contexts, in the order of the document. */
export function contextRoutes(deps: RouteDeps): readonly Route[] {
  return [
    createContext(deps),
    listContexts(deps),
    searchContexts(deps),
    getContext(deps),
    deleteContext(deps),
    completeContext(deps),
    downloadContext(deps),
  ];
}

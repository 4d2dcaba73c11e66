import { defineRoute, type Route } from "../../http/route.ts";
import { documentExample, documentParams, documentSchema } from "../../schemas/document-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findDocument } from "./find-document.ts";

/** `GET /collections/{id}/documents/{documentId}` */
export function getDocument(deps: Pick<RouteDeps, "collections" | "documents">): Route {
  return defineRoute({
    method: "get",
    path: "/collections/{id}/documents/{documentId}",
    operationId: "getDocument",
    tag: "Documents",
    summary: "Get one document, with its content",
    scope: "search:read",
    params: documentParams,
    success: { status: 200, description: "The document.", data: documentSchema, example: documentExample },
    errors: ["not_found"],
    handle: async (request) => ({ data: (await findDocument(deps, request)).document }),
  });
}

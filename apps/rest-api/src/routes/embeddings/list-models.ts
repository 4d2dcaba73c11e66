import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { modelExample, modelSchema } from "../../schemas/embedding-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

/** `GET /embeddings/models` */
export function listModels({ embedder }: Pick<RouteDeps, "embedder">): Route {
  return defineRoute({
    method: "get",
    path: "/embeddings/models",
    operationId: "listEmbeddingModels",
    tag: "Embeddings",
    summary: "List the models that embed",
    description: "The whole catalogue, whether its models can be had here or not.",
    scope: "search:read",
    success: { status: 200, description: "All of them.", data: z.array(modelSchema), example: [modelExample] },
    handle: async () => ({
      data: embedder.listModels().map(({ isAvailable: available, ...model }) => ({ ...model, available })),
    }),
  });
}

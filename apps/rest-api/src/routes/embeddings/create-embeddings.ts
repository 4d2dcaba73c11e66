import type { EmbedOutcome, ModelChoice } from "@devmesh/embedding";
import { AppError, embeddingStrategies, parseWith, toErrorBody, type Vector } from "@devmesh/models";
import type { z } from "zod";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  embeddingsDataExample,
  embeddingsExample,
  embeddingsMetaExample,
  embeddingsMetaSchema,
  embeddingsRequest,
  embeddingsRequestSchema,
  embeddingsSchema,
} from "../../schemas/embedding-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { maxBodyBytes } from "../tasks/submit-task.ts";

/** `POST /embeddings` */
export function createEmbeddings({ embedder }: Pick<RouteDeps, "embedder">): Route {
  return defineRoute({
    method: "post",
    path: "/embeddings",
    operationId: "createEmbeddings",
    tag: "Embeddings",
    summary: "Turn up to 500 texts into vectors",
    description:
      "Each text has its own result: a bad one does not stop the others. Where not one of them is good, the request is " +
      "`invalid_argument`. Nothing is kept but in caches: the same text again costs nothing.",
    scope: "embeddings:write",
    body: { schema: embeddingsRequestSchema, example: embeddingsExample, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "A vector or an error for each text, in the order given.",
      data: embeddingsSchema,
      example: embeddingsDataExample,
      meta: { schema: embeddingsMetaSchema, example: embeddingsMetaExample },
    },
    errors: ["failed_precondition"],
    async handle({ principal: { tenantId }, body, requestId, signal }) {
      const { texts, purpose, ...chosen } = parseWith(embeddingsRequest, body);
      const outcome = await embedder.embed({
        tenantId,
        // what is no text is refused in its place, as an empty one is
        texts: texts.map((text) => (typeof text === "string" ? text : "")),
        choice: toChoice(chosen),
        purpose,
        signal,
      });
      const vectors = outcome.vectors.map((one, index) => (typeof texts[index] === "string" ? one : noText(index)));
      assertAny(vectors);
      const { model, dimensions, usage, reused } = outcome;
      const embeddings = vectors.map((one) =>
        one instanceof AppError ? { error: { ...toErrorBody(one), requestId } } : { embedding: Array.from(one) },
      );
      return { data: { model, dimensions, embeddings }, meta: { usage, reused } };
    },
  });
}

function toChoice({
  model,
  dimensions,
}: Pick<z.output<typeof embeddingsRequest>, "model" | "dimensions">): ModelChoice {
  const strategy = embeddingStrategies.find((one) => one === model);
  return strategy === undefined ? { model, dimensions } : { strategy, dimensions };
}

function noText(index: number): AppError {
  return new AppError("invalid_argument", `texts[${index}]: must be a text`);
}

/** @throws AppError the first one's error, with all of them as `details`, where there is not one vector. */
function assertAny(vectors: EmbedOutcome["vectors"]): void {
  const errors = vectors.filter((one: Vector | AppError) => one instanceof AppError);
  const [first] = errors;
  if (first === undefined || errors.length < vectors.length) return;
  const details = errors.map(({ message }, index) => ({ path: `texts[${index}]`, message }));
  throw new AppError(first.code, first.message, { reason: first.reason, details, cause: first });
}

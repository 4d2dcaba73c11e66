import type { Objects } from "@devmesh/adapters";
import { objectsOf } from "@devmesh/memory";
import {
  type ContextId,
  contextKey,
  newContextSchema as newContext,
  parseWith,
  type StoredContext,
  type TenantId,
  uploadUrlSeconds,
} from "@devmesh/models";
import { storeContent, toContextWrite } from "../../contexts/store-context.ts";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  contextExample,
  contextSchema,
  newContextExample,
  newContextSchema,
  uploadExample,
  uploadSchema,
} from "../../schemas/context-schema.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import type { RouteDeps } from "../route-deps.ts";

/** 1 MiB of text may take some more as JSON. */
const maxBodyBytes = 4 * 1_048_576;

/** `POST /contexts` */
export function createContext(deps: Pick<RouteDeps, "contexts" | "objects" | "nudgeContexts" | "newId">): Route {
  return defineRoute({
    method: "post",
    path: "/contexts",
    operationId: "createContext",
    tag: "Contexts",
    summary: "Keep a large object for tasks",
    description:
      "Answers with a request by which the object is uploaded to S3: its length, type and checksum are signed, so that " +
      "nothing else is taken. It must be begun within an hour, and completed within a day of now. A text that comes as `content` " +
      "is stored at once. A context is kept for 30 days, unless `expiresInSeconds` says otherwise. At most 10,000 contexts and " +
      "1 TiB a tenant.",
    scope: "contexts:write",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newContextSchema, example: newContextExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The context, with the upload where it waits for one.",
      data: contextSchema.extend({ upload: uploadSchema.optional() }),
      example: { ...contextExample, state: "uploading", upload: uploadExample },
      headers: {
        Location: "Where the context is.",
        "Idempotent-Replay": "`true` where this is the context that the key made first.",
      },
    },
    errors: ["conflict", "not_found", "failed_precondition"],
    async handle({ principal, headers, body, signal }) {
      const { tenantId } = principal;
      const asked = parseWith(newContext, body);
      const objects = objectsOf(deps);
      const key = readRequestKey({ principal, headers, body });
      const write = toContextWrite(deps.newId() as ContextId, asked);
      const { made, isReplay } = await deps.contexts.create(tenantId, write, key);
      const { content } = asked;
      const data =
        content === undefined || made.state !== "uploading"
          ? await withUpload(objects, tenantId, made)
          : await storeContent({ ...deps, objects }, { tenantId, id: made.id, signal }, { ...made, content });
      if (content !== undefined) deps.nudgeContexts();
      const location = `/api/v1/contexts/${made.id}`;
      return { status: 201, data, headers: { location, ...(isReplay && { "idempotent-replay": "true" }) } };
    },
  });
}

async function withUpload(
  objects: Pick<Objects, "presignPut">,
  tenantId: TenantId,
  context: StoredContext,
): Promise<object> {
  if (context.state !== "uploading") return context;
  const { id, size, mediaType, sha256 } = context;
  const key = contextKey({ tenantId, id });
  const upload = await objects.presignPut({ key, size, mediaType, sha256, expiresInSeconds: uploadUrlSeconds });
  return { ...context, upload };
}

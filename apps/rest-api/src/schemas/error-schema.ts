import { errorCodes } from "@devmesh/models";
import { z } from "@hono/zod-openapi";

export const errorBodySchema = z
  .object({
    code: z.enum(errorCodes),
    reason: z.string().optional().meta({ description: "A finer, stable word." }),
    message: z.string().meta({ description: "For a person; may change." }),
    details: z
      .unknown()
      .optional()
      .meta({ description: "Of an `invalid_argument`: each offending field, `[{path, message}]`." }),
    requestId: z.string(),
    retryAfterMs: z.int().min(0).optional(),
  })
  .meta({ id: "Error" });

/** For the document: the one shape of a failure. */
export const failureSchema = z.object({ error: errorBodySchema }).meta({ id: "Failure" });

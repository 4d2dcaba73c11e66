import { z } from "@hono/zod-openapi";

/** For the document: what every POST that creates takes. */
export const creatingHeaders = z.object({
  "idempotency-key": z
    .string()
    .min(1)
    .max(255)
    .optional()
    .openapi({
      description:
        "The same key with the same body answers the stored first result for 24 h; with another body it is `conflict`, " +
        "reason `idempotency_key_reused`.",
    }),
  traceparent: z.string().optional().openapi({
    description: "W3C trace context; travels with the task to the agent. A malformed one counts as absent.",
  }),
});

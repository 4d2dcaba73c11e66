import { nameSchema } from "@devmesh/models";
import { z } from "zod";
import { countSchema, lookupIdSchema, proseSchema, requestFields } from "./fields.ts";

/** 0x0001, C→S: the first frame of a connection says which agent this is. */
export const helloSchema = z.object({
  ...requestFields,
  agentName: nameSchema,
  sdk: proseSchema(256).optional(),
  holding: z.array(lookupIdSchema).max(10_000).optional(),
  lastSeq: countSchema.optional(),
});

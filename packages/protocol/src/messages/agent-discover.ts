import { availabilities, nameSchema } from "@devmesh/models";
import { z } from "zod";
import { sentAgentSchema } from "./entity.ts";
import { replyFields, requestFields } from "./fields.ts";

/** 0x0104, C→S: agents that have all of `capabilities`, by name. */
export const agentDiscoverSchema = z.object({
  ...requestFields,
  capabilities: z.array(nameSchema).max(100).optional(),
  availability: z.enum(availabilities).optional(),
  limit: z.int().min(1).max(200).optional(),
  cursor: z.string().min(1).max(1024).optional(),
});

/** 0x0105, S→C: one page; `nextCursor` is absent on the last. */
export const agentListSchema = z.object({
  ...replyFields,
  agents: z.array(sentAgentSchema),
  nextCursor: z.string().optional(),
});

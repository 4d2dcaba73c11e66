import { agentRegistrationSchema } from "@devmesh/models";
import { z } from "zod";
import { sentAgentSchema } from "./entity.ts";
import { replyFields, requestFields } from "./fields.ts";

/** 0x0101, C→S: makes the agent that HELLO named, or updates it. */
export const agentRegisterSchema = z.object({
  ...agentRegistrationSchema.shape,
  ...requestFields,
  // the frame states it, unlike the REST body
  maxConcurrency: z.int().min(1).max(1000),
});

/** 0x0102, S→C: the reply to AGENT_REGISTER and AGENT_UPDATE. */
export const agentRegisteredSchema = z.object({ ...replyFields, agent: sentAgentSchema });

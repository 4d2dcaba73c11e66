import { agentUpdateSchema } from "@devmesh/models";
import { z } from "zod";
import { requestFields } from "./fields.ts";

/** 0x0103, C→S: what is absent stays as it is. */
export const agentUpdateRequestSchema = z.object({ ...agentUpdateSchema.shape, ...requestFields });

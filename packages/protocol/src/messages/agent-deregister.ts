import { z } from "zod";
import { requestFields } from "./fields.ts";

/** 0x0106, C→S: the agent ends, its assignments go back to the queue. The reply is GOODBYE. */
export const agentDeregisterSchema = z.object({ ...requestFields });

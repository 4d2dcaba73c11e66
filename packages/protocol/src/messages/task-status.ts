import { z } from "zod";
import { sentTaskSchema } from "./entity.ts";
import { replyFields } from "./fields.ts";

/** 0x020C, S→C: the reply to TASK_SUBMIT and TASK_GET. */
export const taskStatusSchema = z.object({ ...replyFields, task: sentTaskSchema });

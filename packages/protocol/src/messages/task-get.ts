import { z } from "zod";
import { lookupIdSchema, requestFields } from "./fields.ts";

/** 0x020B, C→S */
export const taskGetSchema = z.object({ ...requestFields, taskId: lookupIdSchema });

import { z } from "zod";
import { assignmentFields, countSchema, noticeFields } from "./fields.ts";

/** 0x0207, S→C: the mesh ended the assignment. */
export const taskCancelSchema = z.object({
  ...noticeFields,
  seq: countSchema,
  ...assignmentFields,
  reason: z.string(),
});

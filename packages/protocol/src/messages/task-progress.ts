import { z } from "zod";
import { assignmentFields, optionalRequestFields, proseBytesSchema, proseSchema, timeTextSchema } from "./fields.ts";

/** One line of the agent's log: at most 4 KiB; `level` is a word of the agent's, such as `info`. */
const logLineSchema = z.object({
  at: timeTextSchema,
  level: proseSchema(32),
  line: proseBytesSchema(4096),
});

/** 0x0204, C→S: renews the lease. `percent` is 0 to 100 and need not be whole. */
export const taskProgressSchema = z.object({
  ...optionalRequestFields,
  ...assignmentFields,
  percent: z.number().min(0).max(100).optional(),
  note: proseSchema(4096).optional(),
  log: z.array(logLineSchema).max(10_000).optional(),
});

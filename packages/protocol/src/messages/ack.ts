import { z } from "zod";
import { countSchema, noticeFields } from "./fields.ts";

/** 0x0006, C→S: every server frame up to this `seq` was processed. */
export const ackSchema = z.object({ ...noticeFields, seq: countSchema });

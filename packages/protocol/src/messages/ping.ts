import { z } from "zod";
import { optionalReplyFields, optionalRequestFields, timeTextSchema } from "./fields.ts";

/** 0x0003, both ways: answered with PONG, with or without `id`. */
export const pingSchema = z.object({ ...optionalRequestFields, at: timeTextSchema });

/** 0x0004, both ways: `at` is the answering side's time. */
export const pongSchema = z.object({ ...optionalReplyFields, at: timeTextSchema });

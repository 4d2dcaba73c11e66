import { z } from "zod";
import { channelSchema } from "./doc-channel.ts";
import { noticeFields } from "./fields.ts";

/** 0x0405, C→S: not answered. */
export const docCloseSchema = z.object({ ...noticeFields, channel: channelSchema });

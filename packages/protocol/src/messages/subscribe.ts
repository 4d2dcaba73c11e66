import { z } from "zod";
import { replyFields, requestFields } from "./fields.ts";
import { topicPatternSchema } from "./topic.ts";

const topicsSchema = z.array(topicPatternSchema).min(1).max(100);

/** 0x0304, C→S: adds topics. A durable subscription outlives the connection. */
export const subscribeSchema = z.object({ ...requestFields, topics: topicsSchema, durable: z.boolean().optional() });

/** 0x0305, S→C: all topics in force. */
export const subscribedSchema = z.object({ ...replyFields, topics: z.array(z.string()) });

/** 0x0306, C→S: the reply is SUBSCRIBED. */
export const unsubscribeSchema = z.object({ ...requestFields, topics: topicsSchema });

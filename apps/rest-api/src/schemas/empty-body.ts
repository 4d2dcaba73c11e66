import { z } from "@hono/zod-openapi";
import type { RouteBody } from "../http/route.ts";

/** Of a POST that needs no words: none, or any JSON, which is ignored. */
export const emptyBody: RouteBody = { schema: z.unknown(), example: {}, maxBytes: 65_536, isOptional: true };

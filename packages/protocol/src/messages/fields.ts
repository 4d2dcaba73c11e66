import { isStorable, notStorable, utf8Bytes } from "@devmesh/models";
import { z } from "zod";
import { isRequestId } from "../payload.ts";

/** The sender's id of a request, and `re`, which repeats it: 1 to 64 code points. */
const requestIdSchema = z.custom<string>(isRequestId, "must be a string of 1 to 64 characters");

/** W3C trace context. Not checked further: what is no trace context is ignored, not refused. */
const traceparentSchema = z.string().max(256);

/** What every frame may carry. */
const anyFrame = { traceparent: traceparentSchema.optional() };

/** A frame that is answered with exactly one reply. */
export const requestFields = { id: requestIdSchema, ...anyFrame };
/** A frame that is answered only if it carries `id`. */
export const optionalRequestFields = { id: requestIdSchema.optional(), ...anyFrame };
/** The one reply to a request. */
export const replyFields = { re: requestIdSchema, ...anyFrame };
export const optionalReplyFields = { re: requestIdSchema.optional(), ...anyFrame };
/** A frame without reply. */
export const noticeFields = anyFrame;

/** An id that is looked up: any string, so that one that is no UUID is `not_found` rather than a wrong field. */
export const lookupIdSchema = z.string().min(1).max(64);

/** Milliseconds, zero or more. */
export const durationMsSchema = z.int().min(0);
/** The longest that a sender may ask the mesh to wait or to keep something: 30 days. Judgement. */
export const maxWaitMs = 2_592_000_000;

/** RFC 3339, as text: whoever stores a time parses it. */
export const timeTextSchema = z.string().min(1).max(64);

/** Counts, sequence numbers, fences: integers from 0 to 2^53 − 1. */
export const countSchema = z.int().min(0);

/** Which assignment a frame is about, and under which fence. */
export const assignmentFields = { assignmentId: lookupIdSchema, fence: countSchema };

/** Users' JSON that must be there: null is a value. Passed on untouched, by reference. */
export const requiredJsonSchema = z.custom<unknown>((value) => value !== undefined, "is required, and may be null");

/** Text for people that Postgres can keep; unlike a name it may be empty. Length in code points. */
export function proseSchema(maxLength: number): z.ZodType<string> {
  return z.string().max(maxLength).refine(isStorable, notStorable);
}

/** {@link proseSchema} bounded in bytes of UTF-8. */
export function proseBytesSchema(maxBytes: number): z.ZodType<string> {
  return proseSchema(maxBytes).refine((text) => utf8Bytes(text) <= maxBytes, `must be at most ${maxBytes} bytes`);
}

/** Standard base64 with padding (RFC 4648, section 4). */
export const base64Schema = z.base64();

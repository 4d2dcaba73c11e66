import { nameSchema, textSchema } from "@devmesh/models";
import { messageSchemas } from "@devmesh/protocol";
import { maxClaimWaitMs } from "@devmesh/tasks";
import { z } from "zod";

/** The longest that a tool call waits for something to come. */
export const maxWaitMs = maxClaimWaitMs;

/** Whom a call acts as. */
export const agentArgument = nameSchema.optional().describe("Your agent's name or id.");

/** A key whose call may be sent again. `behaviour` says what a second call with the same key does. */
export function idempotencyKeyArgument(behaviour: string): z.ZodOptional<z.ZodString> {
  return textSchema(255).optional().describe(behaviour);
}

/** Of what a fence, or a name, makes repeatable by itself: taken, so that a client may give one with every change. */
export const unneededKey: z.ZodOptional<z.ZodString> = textSchema(255).optional();

const { assignmentId, fence } = messageSchemas.TASK_PROGRESS.shape;

/** Which assignment a call is about: both as task_claim gave them. */
export const assignmentArguments = {
  agent: agentArgument,
  assignmentId: assignmentId.describe("From task_claim."),
  fence: fence.describe("From task_claim."),
};

/** How many things a page has at most. */
export const limitArgument = z.int().min(1).max(100).optional().meta({ default: 20 });

/** Where a page begins. */
export const cursorArgument = z.string().min(1).max(200).optional().describe("nextCursor of the page before.");

export const waitMsArgument = z.int().min(0).max(maxWaitMs).optional();

/** Of an answer that nothing came in time for. */
export const hintSchema = z.string().optional();

/** Says so where a wait was so short that seconds were meant. */
export function hintOfWait(waitMs: number): { readonly hint?: string } {
  if (waitMs === 0 || waitMs >= 1_000) return {};
  return { hint: `waited ${waitMs} ms: waitMs is in milliseconds, at most ${maxWaitMs}` };
}

/** An RFC 3339 time, UTC, of an answer. The schema says less, so that it stays short. */
export const timeSchema = z.string();

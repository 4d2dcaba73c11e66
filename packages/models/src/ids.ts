import { AppError } from "./errors.ts";

type Brand<Name extends string> = string & { readonly __brand: Name };

/** Who everything belongs to. */
export type TenantId = Brand<"TenantId">;
/** A task, over all of its tries. */
export type TaskId = Brand<"TaskId">;
/** An agent, across all of its connections. */
export type AgentId = Brand<"AgentId">;
/** One handing of a task to an agent. */
export type AssignmentId = Brand<"AssignmentId">;
/** One socket of an agent. */
export type ConnectionId = Brand<"ConnectionId">;
/** One process of the MCP server, from start to end. */
export type NodeId = Brand<"NodeId">;
/** An API key; not the key itself. */
export type ApiKeyId = Brand<"ApiKeyId">;
/** Queued tasks of equal requirements. */
export type LaneId = Brand<"LaneId">;
/** A limit on how much is in flight at once. */
export type LimitId = Brand<"LimitId">;
/** A cap on spending. */
export type BudgetId = Brand<"BudgetId">;

/** A set of documents that are embedded alike and searched together. */
export type CollectionId = Brand<"CollectionId">;
/** A text in a collection, over all of its versions. */
export type DocumentId = Brand<"DocumentId">;
/** A piece of a document, embedded and found by itself. */
export type ChunkId = Brand<"ChunkId">;
/** One run that brings many documents into a collection. */
export type ImportId = Brand<"ImportId">;
/** A piece of knowledge, over all of its versions. */
export type KnowledgeId = Brand<"KnowledgeId">;
/** A large object that tasks refer to. */
export type ContextId = Brand<"ContextId">;

/** An external MCP server that a tenant has registered. */
export type ToolServerId = Brand<"ToolServerId">;
/** One call of a tool of another server. */
export type ToolCallId = Brand<"ToolCallId">;

/** Makes a fresh UUIDv7 (RFC 9562, section 5.7). An argument wherever ids are made, so that tests can fix it. */
export type NewId = () => string;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a UUID in its canonical lower-case form, of any version. */
export function isUuid(value: string): boolean {
  return uuidPattern.test(value);
}

/**
 * Reads an id from outside. Upper case is accepted and folded.
 *
 * @throws AppError `not_found` for what is no UUID: an id that can't exist names nothing.
 */
export function parseId<Id extends string>(value: string, noun: string): Id {
  const folded = value.toLowerCase();
  if (!isUuid(folded))
    throw new AppError("not_found", `no ${noun} ${JSON.stringify(value.slice(0, 80))}: ids are UUIDs`);
  return folded as Id;
}

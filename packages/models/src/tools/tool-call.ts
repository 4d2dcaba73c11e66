import type { ErrorCode } from "../errors.ts";
import type { ApiKeyId, TaskId, ToolCallId, ToolServerId } from "../ids.ts";

/** By which door a tool was called. */
export const toolDoors = ["rest", "mcp"] as const;
/** One of {@link toolDoors}. */
export type ToolDoor = (typeof toolDoors)[number];

/**
 * What a call came to: `ok`; `tool_error`, where the tool answered that it failed; or the code of what kept it from an
 * answer.
 */
export type ToolCallOutcome = "ok" | "tool_error" | ErrorCode;

/** One call of a tool of another server, for those who look after it. Neither arguments nor result are kept. */
export interface ToolCallRecord {
  readonly id: ToolCallId;
  readonly serverId: ToolServerId;
  readonly tool: string;
  /** The key that called. */
  readonly principalId: ApiKeyId;
  readonly door: ToolDoor;
  readonly outcome: ToolCallOutcome;
  /** The finer word of an error, such as `breaker_open`. */
  readonly reason?: string;
  readonly durationMs: number;
  /** Of the arguments as JSON. */
  readonly argumentBytes: number;
  /** Of the arguments as canonical JSON (RFC 8785), in hex: tells equal calls. Absent where they were refused. */
  readonly argumentsSha256?: string;
  /** Of the result as JSON; 0 where there is none. */
  readonly resultBytes: number;
  /** The task that carried the call, where one did. */
  readonly taskId?: TaskId;
  readonly traceparent?: string;
  /** When it was over. */
  readonly at: string;
}

/** A record as it is written: the database says when. */
export type NewToolCallRecord = Omit<ToolCallRecord, "at">;

import type {
  ApiKeyId,
  ExternalTool,
  NewId,
  TaskId,
  ToolDoor,
  ToolProgress,
  ToolResult,
  ToolServerId,
} from "@devmesh/models";
import type { ToolLook } from "./look.ts";
import type { SchemaChecker, ToolAudit, ToolBreaker, ToolServerStore, ToolTarget, ToolTransport } from "./ports.ts";

/** Who calls, as far as the gateway cares. */
export interface ToolCaller {
  readonly principalId: ApiKeyId;
  readonly scopes: readonly string[];
  readonly door: ToolDoor;
  /** The task that carries the call, where one does. */
  readonly taskId?: TaskId | undefined;
}

/** A call of a tool that was found. */
export interface ToolInvocation extends ToolTarget {
  readonly tool: ExternalTool;
  readonly caller: ToolCaller;
  /** Not checked yet. */
  readonly arguments: unknown;
  readonly traceparent?: string | undefined;
  readonly onProgress?: ((progress: ToolProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** How a server does in this process. */
export interface ToolStanding {
  readonly breaker: "closed" | "open" | "half_open";
  /** When an open breaker lets a call through; 0 otherwise. */
  readonly retryAfterMs: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly isConnected: boolean;
}

/** Calls tools of external servers, so that a bad one disturbs nothing but its own callers. Disposing ends what is open. */
export interface ToolGateway extends AsyncDisposable {
  /**
   * @throws AppError `permission_denied` (scopes); `failed_precondition` with reason `disabled`, `input_refused`,
   * `command_not_allowed` or `address_not_allowed`; `invalid_argument` with reason `bad_arguments` or `tool_refused`; `resource_exhausted` with
   * reason `busy` or `output_too_large`; `deadline_exceeded`; `unavailable` with reason `breaker_open`, `tool_crashed`,
   * `tool_unreachable` or `bad_answer`; `cancelled`. A tool that says that it failed gives a result.
   */
  call(invocation: ToolInvocation): Promise<ToolResult>;
  /**
   * Asks for the list, and writes what came of it to the store. It fails only where the store does, the signal aborts, or so many
   * servers are in use that nothing can be said of this one (`resource_exhausted`, reason `busy`).
   */
  refresh(target: ToolTarget, options: { readonly signal: AbortSignal }): Promise<ToolLook>;
  standingOf(serverId: ToolServerId): ToolStanding;
  /** Closes what is open to a server, and forgets how it did: to be called when it was changed or removed. */
  forget(serverId: ToolServerId): Promise<void>;
}

/** What an operator counts. */
export interface ToolGatewayObserver {
  /** After each call, with its outcome: `ok`, `tool_error`, or the reason or code of an error. */
  onCall?(about: { readonly outcome: string; readonly durationMs: number }): void;
  /** The audit could not be written: the call's answer is given all the same. */
  onAuditFailure?(error: unknown): void;
}

/** Bounds. Each has a stated answer. */
export interface ToolGatewayLimits {
  /** Of one result as JSON. Default 1 MiB. */
  readonly maxOutputBytes?: number;
  /** Of the arguments as JSON. Default 1 MiB. */
  readonly maxArgumentBytes?: number;
  /** Calls of one tenant at once. Default 64. */
  readonly maxTenantCalls?: number;
  /** Calls that wait for a place at one server. Default 64. */
  readonly maxWaiting?: number;
  /** How long one waits at most. Default 10 s. */
  readonly maxWaitMs?: number;
  /** Connections kept open, those in use among them. Default 64. */
  readonly maxConnections?: number;
  /** Of one tenant; in use at once it has fewer than are free. Default 16. */
  readonly maxTenantConnections?: number;
  /** A connection that nobody used for so long is closed. Default 5 min. */
  readonly idleMs?: number;
  /** A server has so long to start and to shake hands. Default 30 s. */
  readonly openTimeoutMs?: number;
}

/** What the gateway stands on. */
export interface ToolGatewayDeps {
  readonly transport: ToolTransport;
  readonly store: ToolServerStore;
  readonly audit: ToolAudit;
  readonly schemas: SchemaChecker;
  readonly createBreaker: (operation: string) => ToolBreaker;
  readonly newId: NewId;
  readonly observer?: ToolGatewayObserver;
  readonly limits?: ToolGatewayLimits;
}

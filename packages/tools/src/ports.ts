import type {
  ExternalTool,
  FieldProblem,
  NewToolCallRecord,
  TenantId,
  ToolCheck,
  ToolProgress,
  ToolResult,
  ToolSecrets,
  ToolServer,
  ToolServerId,
} from "@devmesh/models";

/** One call of a tool under the name that its server knows. */
export interface OutgoingCall {
  /** The input schema says which arguments are wanted as headers, too. */
  readonly tool: ExternalTool;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly traceparent?: string | undefined;
  readonly onProgress?: ((progress: ToolProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A server that answered the handshake. Disposing ends its process, or its session; calls under way end with it. */
export interface ToolConnection extends AsyncDisposable {
  /** False for good once the other side went, or broke the protocol. */
  readonly isOpen: boolean;
  /**
   * Everything that the server calls its tools, unread, at most some more than can be kept.
   *
   * @throws AppError as {@link ToolConnection.call}
   */
  listTools(options: { readonly signal: AbortSignal }): Promise<readonly unknown[]>;
  /**
   * @throws AppError `unavailable` with reason `tool_crashed`, `tool_unreachable` or `bad_answer`; `resource_exhausted`, reason
   * `output_too_large`, where the server's message is longer than the connection reads; `invalid_argument`, reason
   * `tool_refused`; `failed_precondition`, reason `input_refused`, where it asks for a person, a model or a file;
   * `cancelled` when the signal aborts.
   */
  call(call: OutgoingCall): Promise<ToolResult>;
}

/** The way to external servers. */
export interface ToolTransport {
  /**
   * Starts the program, or asks the address, and shakes hands.
   *
   * @throws AppError `failed_precondition` with reason `command_not_allowed` or `address_not_allowed`; otherwise as {@link ToolConnection.call}
   */
  open(
    server: ToolServer,
    options: { readonly secrets: ToolSecrets; readonly signal: AbortSignal },
  ): Promise<ToolConnection>;
}

/** A registered server, and whose it is. */
export interface ToolTarget {
  readonly tenantId: TenantId;
  readonly server: ToolServer;
}

/** What a look at a server's list gave. */
export interface ToolListing {
  /** By name, each once. */
  readonly tools: readonly ExternalTool[];
  /** Tools that are not offered, at most 50, and why. */
  readonly leftOut: readonly LeftOutTool[];
}

/** A tool that a server calls its own and the mesh doesn't offer. */
export interface LeftOutTool {
  /** At most 128 characters of what the server calls it; its place in the list where that is no text. */
  readonly name: string;
  readonly reason: string;
}

/** Where servers' secrets are, and where is kept what was seen of them. */
export interface ToolServerStore {
  /** @throws AppError `failed_precondition`, reason `no_secrets_key`, where they can't be read. */
  findSecrets(tenantId: TenantId, serverId: ToolServerId): Promise<ToolSecrets>;
  /** Writes how a look went, and, where it gave one, the list. Nothing happens where the server is not `version` any more. */
  writeCheck(
    target: { readonly tenantId: TenantId; readonly serverId: ToolServerId; readonly version: number },
    check: ToolCheck,
    listing: ToolListing | undefined,
  ): Promise<void>;
}

/** Where calls are written down. */
export interface ToolAudit {
  record(tenantId: TenantId, record: NewToolCallRecord): Promise<void>;
}

/** Guards the calls of one server. */
export interface ToolBreaker extends Disposable {
  readonly state: "closed" | "open" | "half_open";
  /** How long an open one stays so; 0 otherwise. */
  readonly retryAfterMs: number;
  /**
   * Runs a call for `limitMs` at most. One that its caller gives up after a good part of that counts as late all the same.
   *
   * @throws AppError `unavailable`, reason `breaker_open`; `deadline_exceeded`; `cancelled` when `signal` aborts; or whatever
   * `call` throws.
   */
  run<T>(
    call: (ending: AbortSignal) => Promise<T>,
    limit: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<T>;
}

/** Holds values against JSON Schemas, off the thread and within a limit of time. */
export interface SchemaChecker {
  /** @param owner whose schema it is: a tenant. @throws AppError `invalid_argument` where the schema is none. */
  check(schema: unknown, name?: string, owner?: string): Promise<void>;
  /** The problems of a value, given as JSON text; none where it fits. */
  findProblems(schema: unknown, value: string, owner?: string): Promise<readonly FieldProblem[]>;
}

import type { ApiKeyId, NodeId, TenantId } from "@devmesh/models";

/** What a node needs to take up a session of MCP's older generation that began at another. */
export interface SessionRecord {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly principalId: ApiKeyId;
  /** What the client said in `initialize`: its version, capabilities and name. */
  readonly initialize: Readonly<Record<string, unknown>>;
  /** As the client set it last. */
  readonly logLevel?: string;
  /** URIs of the resources that the client subscribed to. */
  readonly resources: readonly string[];
}

/** Resources that a session remembers to have subscribed to; more are not. Judgement: a server takes as many. */
export const maxRememberedResources = 100;

/** What a session remembers beside how it began. */
export type SessionChange =
  | { readonly logLevel: string }
  | { readonly subscribe: string }
  | { readonly unsubscribe: string };

/** A request that is not answered yet: who works on it. */
export interface OpenStream {
  readonly stream: string;
  readonly nodeId: NodeId;
  readonly requestId: string | number;
}

/** A message to the client; numbered within its stream, rising from 1. */
export interface StreamEvent {
  readonly seq: number;
  readonly message: string;
}

export interface NewStreamEvent extends StreamEvent {
  readonly stream: string;
  /** It is the answer: nothing follows in its stream. */
  readonly closes?: boolean;
  /** Kept only where the session's own stream is at this node. */
  readonly ifAt?: NodeId;
}

/** Of one session: how long it may be idle, and how much of what it was told is kept. */
export interface SessionBounds {
  readonly idleMs: number;
  /** Sessions of one tenant, on all nodes together. */
  readonly maxPerTenant: number;
  readonly maxEvents: number;
  /** Of UTF-16 units of messages, which for JSON are close to bytes. */
  readonly maxEventBytes: number;
}

/**
 * Sessions of MCP's older generation, and what they were told, for a while: of each session the newest events within its
 * bounds. Every method but the last two rejects with an AppError `unavailable` while the store is away.
 */
export interface SessionStore extends AsyncDisposable {
  /** True where other nodes find what this one keeps. */
  readonly isShared: boolean;
  /** False where the tenant has as many as it may. */
  create(record: SessionRecord): Promise<boolean>;
  /** Begins its idle time anew. */
  find(id: string): Promise<SessionRecord | undefined>;
  remember(id: string, change: SessionChange): Promise<void>;
  /** False where there was none. */
  remove(id: string): Promise<boolean>;
  openStream(id: string, open: OpenStream): Promise<void>;
  findOpen(id: string): Promise<readonly OpenStream[]>;
  /** Tells where the session's own stream is from now on, and the number of the last event in it. */
  moveStream(id: string, stream: string, nodeId: NodeId): Promise<number>;
  /** False where it was not kept, because the session is over or its own stream is elsewhere. */
  append(id: string, event: NewStreamEvent): Promise<boolean>;
  /** Those of one stream that came after `seq`, in order. */
  read(id: string, stream: string, afterSeq: number): Promise<readonly StreamEvent[]>;
  /** Keeps a text for a minute, under the name that it answers; undefined where it could not. */
  stash(text: string): Promise<string | undefined>;
  /** Gives it to the first who asks. */
  unstash(name: string): Promise<string | undefined>;
}

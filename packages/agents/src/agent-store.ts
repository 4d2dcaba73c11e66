import type {
  AdminState,
  Agent,
  AgentId,
  AgentRegistration,
  AgentUpdate,
  Availability,
  ConnectionId,
  Health,
  NodeId,
  TenantId,
} from "@devmesh/models";

/** A connection of an agent, and the node that holds it. */
export interface ConnectionRef {
  readonly connectionId: ConnectionId;
  readonly nodeId: NodeId;
}

/** A connection as its node names it to the store: what is written through it is guarded by `connectionId`. */
export interface HeldConnection {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly connectionId: ConnectionId;
}

/** Which agents are listed. All that are given must hold. */
export interface AgentFilter {
  /** Names of capabilities, all of which an agent must have. */
  readonly capabilities?: readonly string[] | undefined;
  readonly availability?: Availability | undefined;
}

/** A page of a list, newest first; `after` is the last of the page before. */
export interface Page {
  readonly limit: number;
  readonly after?: { readonly at: string; readonly id: string } | undefined;
}

/** What a HELLO found. `ahead`: its `lastSeq` is one that was never given out, and nothing was changed. */
export type AttachResult =
  | {
      readonly ahead?: never;
      readonly agent: Agent;
      readonly ackedSeq: number;
      /** The `seq` that the next frame will carry. */
      readonly nextSeq: number;
      /** The connection that was there before, if another: to be closed with 4409. */
      readonly replaced?: ConnectionRef;
    }
  | { readonly ahead: true; readonly nextSeq: number };

/** What a node tells of one of its connections, gathered and written with others. */
export interface ConnectionTouch extends HeldConnection {
  /** Acknowledges up to it; what lies below the acknowledged changes nothing. */
  readonly ackedSeq?: number | undefined;
  readonly health?: Health | undefined;
}

/** What a node was not told, or did not hear, of connections that it holds. */
export interface ConnectionNews {
  /** The agent is held by another connection, or by none. */
  readonly lost: readonly AgentId[];
  readonly revoked: readonly AgentId[];
  /** A `seq` above the last that was sent has been given out; its frame may have ended meanwhile. */
  readonly behind: readonly AgentId[];
}

/** Assignments that a client claims to hold, sorted by what became of them. */
export interface SortedHolding {
  /** Still the agent's. */
  readonly keep: readonly string[];
  /** Ended by the agent's own word. */
  readonly recorded: readonly string[];
  /** Ended by the mesh, another agent's, or unknown. */
  readonly drop: readonly string[];
}

/** Where agents live. All but `attach`, `detach` and `touch` see registered agents only. */
export interface AgentStore {
  /**
   * Registers an agent, or updates the one of that name; `id` is taken for a new one. Absent metadata leaves those of an
   * earlier registration. With `connection` the agent is attached to it. With `delivery` `pull` it claims its tasks from
   * now on, and is present for `presenceMs`; with neither, an operator's word, an agent that is there keeps its delivery.
   *
   * @throws AppError `conflict`, reason `replaced`, where a newer connection holds the agent; reason `connected`, where any
   * holds one that is to claim.
   */
  register(
    tenantId: TenantId,
    id: AgentId,
    registration: AgentRegistration,
    options: {
      readonly delivery: Agent["delivery"];
      readonly connection?: ConnectionRef | undefined;
      readonly presenceMs?: number | undefined;
    },
  ): Promise<Agent>;
  /** Changes what is given; undefined when there is no such agent. */
  update(tenantId: TenantId, agentId: AgentId, update: AgentUpdate): Promise<Agent | undefined>;
  setAdmin(tenantId: TenantId, agentId: AgentId, admin: AdminState): Promise<Agent | undefined>;
  /** Frees the name and drops the connection; gives the agent as it was last. What it holds is for the engine to release. */
  deregister(tenantId: TenantId, agentId: AgentId): Promise<Agent | undefined>;
  /** An id counts before a name. */
  find(tenantId: TenantId, idOrName: string): Promise<Agent | undefined>;
  /** The latest registered first. */
  list(tenantId: TenantId, filter: AgentFilter, page: Page): Promise<readonly Agent[]>;

  /** Takes the agent over for a connection, whatever held it, and makes it healthy and pushed to; undefined when there is no such agent. */
  attach(
    tenantId: TenantId,
    agentName: string,
    connection: ConnectionRef,
    lastSeq: number | undefined,
  ): Promise<AttachResult | undefined>;
  /** Drops connections. A late drop of one that was replaced changes nothing. */
  detach(connections: readonly (HeldConnection & { readonly unreachable: boolean })[]): Promise<void>;
  /** Notes that connections live, what they acknowledged, and their health. What is not theirs any more is left out. */
  touch(touches: readonly ConnectionTouch[]): Promise<void>;
  /** Tells of those connections only of which there is something to tell. */
  findNews(connections: readonly (HeldConnection & { readonly sentSeq: number })[]): Promise<ConnectionNews>;
  /** Keeps new assignments from a connection that reads too slowly, or lets them come again. */
  setSlow(tenantId: TenantId, agentId: AgentId, connectionId: ConnectionId, slow: boolean): Promise<void>;
  /** Where the agent is connected now: for telling its node to close the connection. */
  connectionOf(tenantId: TenantId, agentId: AgentId): Promise<ConnectionRef | undefined>;
  /** `assignmentIds` come from a client: what is no id is to be dropped. */
  sortHolding(tenantId: TenantId, agentId: AgentId, assignmentIds: readonly string[]): Promise<SortedHolding>;
}

import type {
  AgentId,
  AssignmentId,
  AssignmentOffer,
  CollectionId,
  ConnectionId,
  KnowledgeId,
  LaneId,
  LimitId,
  NodeId,
  TakenSlot,
  TaskId,
  TenantId,
} from "@devmesh/models";
import type { FanOut } from "../redis/fan-out.ts";
import { gatherMessages } from "./gather-messages.ts";
import {
  type mcpLists,
  parseAgent,
  parseAgentOnly,
  parseClaimant,
  parseClose,
  parseCollection,
  parseEntry,
  parseItems,
  parseLane,
  parseLimit,
  parseMcpChange,
  parseTask,
  parseTenant,
  parseTime,
} from "./parse-items.ts";

/** Names an agent for which something waits. */
export interface AgentHint {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

/** An assignment with all that its agent is told. */
export interface OfferHint extends AgentHint {
  readonly assignmentId: AssignmentId;
  readonly seq: number;
  /** Of unknown age. */
  readonly offer: AssignmentOffer;
}

/** Names a task of which something changed. */
export interface TaskHint {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
}

/** Names a collection in which documents were embedded or given up, or whose imports got on. */
export interface CollectionHint {
  readonly tenantId: TenantId;
  readonly collectionId: CollectionId;
}

/** Names an entry of knowledge that was written, changed or deleted. */
export interface EntryHint {
  readonly tenantId: TenantId;
  readonly entryId: KnowledgeId;
}

/** Names a list that the MCP server gives to clients of a tenant: it is another one now. */
export interface McpChange {
  readonly tenantId: TenantId;
  readonly list: McpList;
}

/** A list that the MCP server gives. */
export type McpList = (typeof mcpLists)[number];

/** What a node hears: something waits for agents that it may hold, or it is to close a connection. */
export type NodeHint =
  | { readonly deliver: readonly (AgentHint | OfferHint)[] }
  | { readonly close: { readonly connectionId: ConnectionId; readonly code: number; readonly reason: string } };

/** An assignment, or another frame, that waits for an agent of a node. */
export type HintedSlot = Pick<TakenSlot, "tenantId" | "agentId" | "nodeId"> &
  Partial<Pick<TakenSlot, "assignmentId" | "seq" | "offer">>;

/** Where something may wait for an agent that claims, or the agents for which it may. */
export interface ClaimableHint {
  readonly lanes: readonly { readonly tenantId: TenantId; readonly laneId: LaneId }[];
  readonly limits: readonly { readonly tenantId: TenantId; readonly limitId: LimitId }[];
  readonly agents: readonly AgentHint[];
}

/** What the task engine tells after its commits. */
export interface HintSender {
  /** A slot whose node is unknown is told nobody: the agent finds its task when it connects. Small offers go along. */
  assigned(slots: readonly HintedSlot[]): void;
  mailed(agents: readonly AgentHint[]): void;
  changed(tasks: readonly TaskHint[]): void;
  due(at: Date): void;
  claimable(scope: ClaimableHint): void;
}

/** Ends a subscription. */
export type EndHearing = () => Promise<void>;

/** What is told to others than those that the engine tells. */
type Nudges = Omit<Hints, `on${string}` | "engineHints" | typeof Symbol.asyncDispose>;

/**
 * Hints between the processes of a mesh: whoever hears one looks into the database. They may come late, twice or never.
 * Those who send neither wait nor learn of failures. Whoever hears gets what was gathered in one turn of the sender's
 * event loop together; each `on…` resolves when the hearing has begun. Disposing sends what is gathered and ends all
 * hearing; the fan-out stays open.
 */
export interface Hints extends AsyncDisposable {
  readonly engineHints: HintSender;
  /** `reason` is cut to 123 characters: a close frame carries no more. */
  closeConnection(nodeId: NodeId, connectionId: ConnectionId, code: number, reason: string): void;
  nudgeOutbox(): void;
  /** Tells that there are new events of these tenants that can be read. */
  eventsReadable(tenantIds: readonly TenantId[]): void;
  /** Tells the worker that something is to be redriven, stopped or purged. */
  nudgeRedrives(): void;
  /** Tells the workers that documents wait for vectors. */
  nudgeEmbeddings(): void;
  /** Tells the workers that an import waits, or is to be cancelled. */
  nudgeImports(): void;
  collectionsChanged(collections: readonly CollectionHint[]): void;
  /** Tells every node of the MCP server, for those of its clients that asked to be told. */
  mcpChanged(changes: readonly McpChange[]): void;
  entriesChanged(entries: readonly EntryHint[]): void;
  /** Tells the workers that something is to be made of a context, or one to be removed. */
  nudgeContexts(): void;
  onNode(nodeId: NodeId, handler: (hint: NodeHint) => void): Promise<EndHearing>;
  onTaskChanges(handler: (tasks: readonly TaskHint[]) => void): Promise<EndHearing>;
  onDue(handler: (at: Date) => void): Promise<EndHearing>;
  onClaimable(handler: (scope: ClaimableHint) => void): Promise<EndHearing>;
  onOutbox(handler: () => void): Promise<EndHearing>;
  onEventsReadable(handler: (tenantIds: readonly TenantId[]) => void): Promise<EndHearing>;
  onRedrives(handler: () => void): Promise<EndHearing>;
  onEmbeddings(handler: () => void): Promise<EndHearing>;
  onImports(handler: () => void): Promise<EndHearing>;
  onContexts(handler: () => void): Promise<EndHearing>;
  onCollectionsChanged(handler: (collections: readonly CollectionHint[]) => void): Promise<EndHearing>;
  onMcpChanges(handler: (changes: readonly McpChange[]) => void): Promise<EndHearing>;
  onEntriesChanged(handler: (entries: readonly EntryHint[]) => void): Promise<EndHearing>;
  /** Of agents that no node holds, or whose node is unknown to who tells; {@link onNode} hears the same. */
  onMail(handler: (agents: readonly AgentHint[]) => void): Promise<EndHearing>;
}

/**
 * | channel | items |
 * |---|---|
 * | devmesh:node:<id> | `[tenantId, agentId, offer?]` to deliver to, `{connectionId, code, reason}` to close |
 * | devmesh:mail | `[tenantId, agentId]`, heard by every node |
 * | devmesh:tasks | `[tenantId, taskId]` |
 * | devmesh:due | a time |
 * | devmesh:claimable | `[tenantId, laneId]`, `[tenantId, limitId, "limit"]`, or `[tenantId, agentId, "agent"]` |
 * | devmesh:outbox | 1 |
 * | devmesh:events | tenantId |
 * | devmesh:redrives | 1 |
 * | devmesh:embeddings, devmesh:imports, devmesh:contexts | 1 |
 * | devmesh:collections | `[tenantId, collectionId]` |
 * | devmesh:knowledge | `[tenantId, entryId]` |
 * | devmesh:mcp | `[tenantId, list]` |
 */
const channels = {
  node: (nodeId: NodeId): string => `devmesh:node:${nodeId}`,
  mail: "devmesh:mail",
  tasks: "devmesh:tasks",
  due: "devmesh:due",
  claimable: "devmesh:claimable",
  outbox: "devmesh:outbox",
  events: "devmesh:events",
  redrives: "devmesh:redrives",
  embeddings: "devmesh:embeddings",
  imports: "devmesh:imports",
  contexts: "devmesh:contexts",
  collections: "devmesh:collections",
  knowledge: "devmesh:knowledge",
  mcp: "devmesh:mcp",
} as const;

/** Between two messages to those who wait, sweep or stream; agents are told at once. Judgement: nobody sees 20 ms there. */
const pauseMs = 20;
/** Between two messages of progress, which people look at: at most ten a second. */
const progressPauseMs = 100;
/** The same of lanes that connected agents leave to others: where all are busy, each submission tells of its lane. */
const claimPauseMs = 100;

/** Makes hints over a fan-out that its caller opened and closes; disposal ends the hearing. */
export function createHints(fanOut: FanOut): Hints {
  const gatherer = gatherMessages(fanOut);
  const ends = new Set<EndHearing>();

  async function hear(channel: string, handler: (items: readonly unknown[]) => void): Promise<EndHearing> {
    const end = await fanOut.subscribe(channel, (message) => handler(parseItems(message)));
    ends.add(end);
    return async () => {
      if (ends.delete(end)) await end();
    };
  }

  return {
    engineHints: {
      assigned(slots) {
        for (const slot of slots) {
          if (slot.nodeId !== undefined) gatherer.add(channels.node(slot.nodeId), toAgentItem(slot));
        }
      },
      mailed(agents) {
        for (const { tenantId, agentId } of agents) gatherer.add(channels.mail, [tenantId, agentId]);
      },
      changed(tasks) {
        for (const { tenantId, taskId } of tasks) gatherer.add(channels.tasks, [tenantId, taskId], pauseMs);
      },
      due: (at) => gatherer.add(channels.due, at.toISOString(), pauseMs),
      claimable({ lanes, limits, agents }) {
        for (const { tenantId, laneId } of lanes) gatherer.add(channels.claimable, [tenantId, laneId], claimPauseMs);
        for (const { tenantId, limitId } of limits) {
          gatherer.add(channels.claimable, [tenantId, limitId, "limit"], claimPauseMs);
        }
        for (const { tenantId, agentId } of agents) {
          gatherer.add(channels.claimable, [tenantId, agentId, "agent"], claimPauseMs);
        }
      },
    },
    ...createNudges(gatherer),
    onNode: async (nodeId, handler) => {
      const tell = (items: readonly unknown[]): void => tellNode(items, handler);
      const both = await Promise.all([hear(channels.node(nodeId), tell), hear(channels.mail, tell)]);
      return async () => {
        await Promise.all(both.map((end) => end()));
      };
    },
    onTaskChanges: (handler) => hear(channels.tasks, parsing(parseTask, handler)),
    onDue: (handler) =>
      hear(channels.due, (items) => {
        const times = items.flatMap((item) => parseTime(item)?.getTime() ?? []);
        if (times.length > 0) handler(new Date(Math.min(...times)));
      }),
    onClaimable: (handler) =>
      hear(channels.claimable, (items) => {
        const lanes = items.flatMap((item) => parseLane(item) ?? []);
        const limits = items.flatMap((item) => parseLimit(item) ?? []);
        const agents = items.flatMap((item) => parseClaimant(item) ?? []);
        if (lanes.length + limits.length + agents.length > 0) handler({ lanes, limits, agents });
      }),
    onOutbox: (handler) => hear(channels.outbox, () => handler()),
    onEventsReadable: (handler) => hear(channels.events, parsing(parseTenant, handler)),
    onRedrives: (handler) => hear(channels.redrives, () => handler()),
    onEmbeddings: (handler) => hear(channels.embeddings, () => handler()),
    onImports: (handler) => hear(channels.imports, () => handler()),
    onContexts: (handler) => hear(channels.contexts, () => handler()),
    onCollectionsChanged: (handler) => hear(channels.collections, parsing(parseCollection, handler)),
    onMcpChanges: (handler) => hear(channels.mcp, parsing(parseMcpChange, handler)),
    onEntriesChanged: (handler) => hear(channels.knowledge, parsing(parseEntry, handler)),
    onMail: (handler) => hear(channels.mail, parsing(parseAgentOnly, handler)),
    [Symbol.asyncDispose]: async () => {
      await gatherer[Symbol.asyncDispose]();
      const running = [...ends];
      ends.clear();
      await Promise.allSettled(running.map((end) => end()));
    },
  };
}

/** What is told to others than those that the engine tells. */
function createNudges(gatherer: Pick<ReturnType<typeof gatherMessages>, "add">): Nudges {
  return {
    closeConnection: (nodeId, connectionId, code, reason) =>
      gatherer.add(channels.node(nodeId), { connectionId, code, reason: reason.slice(0, 123) }),
    nudgeOutbox: () => gatherer.add(channels.outbox, 1),
    eventsReadable(tenantIds) {
      for (const tenantId of tenantIds) gatherer.add(channels.events, tenantId, pauseMs);
    },
    nudgeRedrives: () => gatherer.add(channels.redrives, 1),
    nudgeEmbeddings: () => gatherer.add(channels.embeddings, 1, pauseMs),
    nudgeImports: () => gatherer.add(channels.imports, 1),
    nudgeContexts: () => gatherer.add(channels.contexts, 1),
    collectionsChanged(collections) {
      for (const { tenantId, collectionId } of collections) {
        gatherer.add(channels.collections, [tenantId, collectionId], progressPauseMs);
      }
    },
    mcpChanged(changes) {
      for (const { tenantId, list } of changes) gatherer.add(channels.mcp, [tenantId, list], progressPauseMs);
    },
    entriesChanged(entries) {
      for (const { tenantId, entryId } of entries) gatherer.add(channels.knowledge, [tenantId, entryId], pauseMs);
    },
  };
}

/** Hands on what can be read, if there is any. */
function parsing<Item>(
  parse: (item: unknown) => Item | undefined,
  handler: (items: readonly Item[]) => void,
): (items: readonly unknown[]) => void {
  return (items) => {
    const parsed = items.flatMap((item) => parse(item) ?? []);
    if (parsed.length > 0) handler(parsed);
  };
}

/** Of one item: leaves room in a message, and an item that fits none would be left out as a whole. */
const maxItemBytes = 6_000;

function toAgentItem({ tenantId, agentId, assignmentId, seq, offer }: HintedSlot): readonly unknown[] {
  if (offer === undefined) return [tenantId, agentId];
  // how long the hint takes is not known, so neither is the age
  const item = [tenantId, agentId, { assignmentId, seq, offer: { ...offer, ageMs: undefined } }];
  return Buffer.byteLength(JSON.stringify(item)) > maxItemBytes ? [tenantId, agentId] : item;
}

function tellNode(items: readonly unknown[], handler: (hint: NodeHint) => void): void {
  const deliver = items.flatMap((item) => parseAgent(item) ?? []);
  if (deliver.length > 0) handler({ deliver });
  for (const close of items.flatMap((item) => parseClose(item) ?? [])) handler({ close });
}

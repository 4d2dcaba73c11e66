import {
  type AgentId,
  type AssignmentId,
  type AssignmentOffer,
  type CollectionId,
  type ConnectionId,
  isUuid,
  type KnowledgeId,
  type LaneId,
  type LimitId,
  type TaskId,
  type TenantId,
} from "@devmesh/models";

/** What items a message carries: none where it is no JSON array. */
export function parseItems(message: string): readonly unknown[] {
  try {
    const items: unknown = JSON.parse(message);
    return Array.isArray(items) ? items : [];
  } catch {
    return []; // not ours, or garbled: a hint that is lost harms nobody
  }
}

/** `[tenantId, agentId, offer?]`; undefined where it is none, as below. An offer that is none is left out. */
export function parseAgent(item: unknown): AgentItem | undefined {
  if (!Array.isArray(item)) return undefined;
  const [tenantId, agentId] = parseIds(item.slice(0, 2)) ?? [];
  if (tenantId === undefined || agentId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, agentId: agentId as AgentId, ...parseOffered(item[2]) };
}

/** The same without what may come along. */
export function parseAgentOnly(item: unknown): { readonly tenantId: TenantId; readonly agentId: AgentId } | undefined {
  const { tenantId, agentId } = parseAgent(item) ?? {};
  return tenantId === undefined || agentId === undefined ? undefined : { tenantId, agentId };
}

interface AgentItem extends Partial<Offered> {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
}

interface Offered {
  readonly assignmentId: AssignmentId;
  readonly seq: number;
  readonly offer: AssignmentOffer;
}

function parseOffered(item: unknown): Offered | undefined {
  const { assignmentId, seq, offer } = toFields(item);
  const { fence, leaseMs, acceptMs, task, traceparent, assignedAtMs = 0 } = toFields(offer);
  const { id } = toFields(task);
  if (![assignmentId, id].every((one) => typeof one === "string" && isUuid(one))) return undefined;
  if (![seq, fence, leaseMs, acceptMs, assignedAtMs].every((one) => Number.isSafeInteger(one) && Number(one) >= 0))
    return undefined;
  if (traceparent !== undefined && typeof traceparent !== "string") return undefined;
  return { assignmentId, seq, offer } as Offered;
}

function toFields(item: unknown): Readonly<Record<string, unknown>> {
  return typeof item === "object" && item !== null ? (item as Readonly<Record<string, unknown>>) : {};
}

/** `[tenantId, taskId]` */
export function parseTask(item: unknown): { readonly tenantId: TenantId; readonly taskId: TaskId } | undefined {
  const [tenantId, taskId] = parseIds(item) ?? [];
  if (tenantId === undefined || taskId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, taskId: taskId as TaskId };
}

/** `[tenantId, laneId]` */
export function parseLane(item: unknown): { readonly tenantId: TenantId; readonly laneId: LaneId } | undefined {
  const [tenantId, laneId] = parseIds(item) ?? [];
  if (tenantId === undefined || laneId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, laneId: laneId as LaneId };
}

/** `[tenantId, limitId, "limit"]` */
export function parseLimit(item: unknown): { readonly tenantId: TenantId; readonly limitId: LimitId } | undefined {
  if (!Array.isArray(item) || item.length !== 3 || item[2] !== "limit") return undefined;
  const [tenantId, limitId] = parseIds(item.slice(0, 2)) ?? [];
  if (tenantId === undefined || limitId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, limitId: limitId as LimitId };
}

/** `[tenantId, agentId, "agent"]` */
export function parseClaimant(item: unknown): { readonly tenantId: TenantId; readonly agentId: AgentId } | undefined {
  if (!Array.isArray(item) || item.length !== 3 || item[2] !== "agent") return undefined;
  const [tenantId, agentId] = parseIds(item.slice(0, 2)) ?? [];
  if (tenantId === undefined || agentId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, agentId: agentId as AgentId };
}

/** `[tenantId, collectionId]` */
export function parseCollection(
  item: unknown,
): { readonly tenantId: TenantId; readonly collectionId: CollectionId } | undefined {
  const [tenantId, collectionId] = parseIds(item) ?? [];
  if (tenantId === undefined || collectionId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, collectionId: collectionId as CollectionId };
}

/** `[tenantId, entryId]` */
export function parseEntry(item: unknown): { readonly tenantId: TenantId; readonly entryId: KnowledgeId } | undefined {
  const [tenantId, entryId] = parseIds(item) ?? [];
  if (tenantId === undefined || entryId === undefined) return undefined;
  return { tenantId: tenantId as TenantId, entryId: entryId as KnowledgeId };
}

/** `{connectionId, code, reason}` */
export function parseClose(
  item: unknown,
): { readonly connectionId: ConnectionId; readonly code: number; readonly reason: string } | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const { connectionId, code, reason } = item as Readonly<Record<string, unknown>>;
  if (typeof connectionId !== "string" || !isUuid(connectionId)) return undefined;
  if (typeof code !== "number" || !Number.isInteger(code) || typeof reason !== "string") return undefined;
  return { connectionId: connectionId as ConnectionId, code, reason };
}

/** What the MCP server gives lists of. */
export const mcpLists = ["tools", "prompts", "resources"] as const;

/** `[tenantId, list]` */
export function parseMcpChange(
  item: unknown,
): { readonly tenantId: TenantId; readonly list: (typeof mcpLists)[number] } | undefined {
  if (!Array.isArray(item)) return undefined;
  const tenantId = parseTenant(item[0]);
  const list = mcpLists.find((word) => word === item[1]);
  return tenantId === undefined || list === undefined ? undefined : { tenantId, list };
}

/** The id of a tenant. */
export function parseTenant(item: unknown): TenantId | undefined {
  return typeof item === "string" && isUuid(item) ? (item as TenantId) : undefined;
}

/** RFC 3339. */
export function parseTime(item: unknown): Date | undefined {
  if (typeof item !== "string") return undefined;
  const ms = Date.parse(item);
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

function parseIds(item: unknown): readonly string[] | undefined {
  if (!Array.isArray(item) || item.length !== 2) return undefined;
  return item.every((id): id is string => typeof id === "string" && isUuid(id)) ? item : undefined;
}

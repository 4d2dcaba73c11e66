import {
  type Agent,
  type AgentId,
  AppError,
  agentRegistrationSchema,
  assertNotReserved,
  type NewId,
  parseWith,
  type TenantId,
} from "@devmesh/models";
import type { AgentStore, ConnectionRef } from "./agent-store.ts";
import { defaultPresenceMs } from "./pull-store.ts";

/** On whose behalf, and over what, an agent registers. */
export interface RegisterContext {
  readonly tenantId: TenantId;
  /** `pull` for agents that claim their tasks (MCP). */
  readonly delivery: Agent["delivery"];
  readonly connection?: ConnectionRef | undefined;
  /** How long one that claims counts as present; {@link defaultPresenceMs} unless given. */
  readonly presenceMs?: number | undefined;
  /** The one name that may be registered: that of HELLO, or the one that the credential is bound to. Any, when absent. */
  readonly onlyName?: string | undefined;
}

/**
 * Registers an agent, or updates the one of that name. Afterwards the caller asks the engine for tasks for it.
 *
 * @param registration unparsed: what AGENT_REGISTER or the body of `POST /agents` carries.
 * @throws AppError `invalid_argument`; `permission_denied` for a name other than `onlyName`, and for that of the mesh's own agent; `conflict`, reason
 * `replaced`, where a newer connection holds the agent; reason `connected`, where any holds one that is to claim.
 */
export async function registerAgent(
  deps: { readonly store: Pick<AgentStore, "register">; readonly newId: NewId },
  context: RegisterContext,
  registration: unknown,
): Promise<Agent> {
  const parsed = parseWith(agentRegistrationSchema, registration);
  const { tenantId, delivery, connection, onlyName, presenceMs = defaultPresenceMs } = context;
  assertNotReserved(parsed.name);
  if (onlyName !== undefined && parsed.name !== onlyName) {
    throw new AppError("permission_denied", `agent ${parsed.name} is another than ${onlyName}`);
  }
  const presence = delivery === "pull" ? { presenceMs } : {};
  return deps.store.register(tenantId, deps.newId() as AgentId, parsed, { delivery, connection, ...presence });
}

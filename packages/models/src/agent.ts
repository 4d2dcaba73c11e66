import { z } from "zod";
import type { AgentId } from "./ids.ts";
import { utf8Bytes } from "./json.ts";
import { nameSchema, tagsSchema } from "./text.ts";

/** What part an agent may say it plays. */
export const agentKinds = ["coordinator", "worker", "monitor"] as const;
/** What an agent may say of its own readiness. */
export const availabilities = ["available", "busy", "draining"] as const;
/** What the mesh makes of an agent's heartbeats, from best to worst. */
export const healthStates = ["healthy", "degraded", "unreachable"] as const;
/** What an operator may decide about an agent. */
export const adminStates = ["active", "paused", "revoked"] as const;

/** One of {@link agentKinds}. */
export type AgentKind = (typeof agentKinds)[number];
/** One of {@link availabilities}. */
export type Availability = (typeof availabilities)[number];
/** One of {@link healthStates}. */
export type Health = (typeof healthStates)[number];
/** One of {@link adminStates}. */
export type AdminState = (typeof adminStates)[number];

/** A capability as it arrives. */
export const capabilitySchema = z.object({
  name: nameSchema,
  level: z.int().min(1).max(100).default(1),
  /** What one task of this capability costs, in micro-dollars. Absent: unknown. */
  costMicroUsd: z.int().min(0).max(1_000_000_000_000).optional(),
  tags: tagsSchema.optional(),
});

/** What an agent can do, how well, and at what price. */
export type Capability = z.infer<typeof capabilitySchema>;

/** In JSON text, the escape of a character that Postgres' jsonb refuses: after an even number of backslashes. */
const unstorableText = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

const metadataSchema = z
  .record(z.string(), z.unknown())
  .refine((value) => utf8Bytes(JSON.stringify(value)) <= 65_536, "must be at most 65536 bytes as JSON")
  .refine((value) => !unstorableText.test(JSON.stringify(value)), "must not hold U+0000 or a lone surrogate");

const loadSchema = z.object({
  cpu: z.number().min(0).optional(),
  memory: z.number().min(0).optional(),
  queue: z.number().min(0).optional(),
});

/** How busy an agent says that its machine is. */
export type AgentLoad = z.infer<typeof loadSchema>;

const capabilitiesSchema = z
  .array(capabilitySchema)
  .max(100)
  .refine((list) => new Set(list.map((item) => item.name)).size === list.length, "names a capability twice");

/** What AGENT_REGISTER and `POST /agents` carry. Registering a name again updates the same agent. */
export const agentRegistrationSchema = z.object({
  name: nameSchema,
  kind: z.enum(agentKinds).default("worker"),
  capabilities: capabilitiesSchema,
  maxConcurrency: z.int().min(1).max(1000).default(1),
  metadata: metadataSchema.optional(),
});

/** What an agent says of itself when it registers, checked. */
export type AgentRegistration = z.infer<typeof agentRegistrationSchema>;

/** What AGENT_UPDATE and `PATCH /agents/{id}` carry: what is absent stays as it is. */
export const agentUpdateSchema = z.object({
  capabilities: capabilitiesSchema.optional(),
  maxConcurrency: z.int().min(1).max(1000).optional(),
  availability: z.enum(availabilities).optional(),
  load: loadSchema.optional(),
  metadata: metadataSchema.optional(),
});

/** What a registered agent changes of itself, checked; what is left out stays. */
export type AgentUpdate = z.infer<typeof agentUpdateSchema>;

/** An agent as every door shows it. Times are RFC 3339 UTC with milliseconds. */
export interface Agent {
  readonly id: AgentId;
  readonly name: string;
  readonly kind: AgentKind;
  readonly capabilities: readonly Capability[];
  readonly maxConcurrency: number;
  readonly inFlight: number;
  readonly connection: "connected" | "disconnected";
  readonly availability: Availability;
  readonly health: Health;
  readonly admin: AdminState;
  readonly load: AgentLoad;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** `push`: tasks are sent over the socket. `pull`: the agent claims them (MCP). */
  readonly delivery: "push" | "pull";
  readonly registeredAt: string;
  readonly lastSeenAt: string;
}

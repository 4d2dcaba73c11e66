import {
  adminStates,
  agentKinds,
  agentRegistrationSchema,
  agentUpdateSchema,
  assignmentStates,
  availabilities,
  healthStates,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const timeSchema = z.iso.datetime();

const capabilitySchema = z.object({
  name: z.string(),
  level: z.int().min(1).max(100),
  costMicroUsd: z.int().min(0).optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

/** For the document: {@link import("@devmesh/models").Agent}, which tests hold to be what is answered. */
export const agentSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    kind: z.enum(agentKinds).meta({ description: "For people and filters." }),
    capabilities: z.array(capabilitySchema),
    maxConcurrency: z.int().min(1).max(1000),
    inFlight: z.int().min(0),
    connection: z.enum(["connected", "disconnected"]),
    availability: z.enum(availabilities),
    health: z
      .enum(healthStates)
      .meta({ description: "`degraded` after one missed heartbeat, `unreachable` after three." }),
    admin: z.enum(adminStates),
    load: z.object({ cpu: z.number().optional(), memory: z.number().optional(), queue: z.number().optional() }),
    metadata: z.record(z.string(), z.unknown()),
    delivery: z.enum(["push", "pull"]).meta({ description: "`push` by socket, `pull` by MCP." }),
    registeredAt: timeSchema,
    lastSeenAt: timeSchema,
  })
  .meta({ id: "Agent" });

export const registrationSchema = agentRegistrationSchema.meta({
  id: "AgentRegistration",
  description: "Registering a name again updates the same agent. Unknown fields are ignored.",
});

export const updateSchema = agentUpdateSchema.meta({
  id: "AgentUpdate",
  description: "What is absent stays as it is.",
});

const endedSchema = z.object({
  byState: z.partialRecord(z.enum(assignmentStates), z.int()),
  meanCompletedMs: z
    .number()
    .optional()
    .meta({ description: "From the offer to the end; absent where none was completed." }),
});

export const agentMetricsSchema = z
  .object({
    agentId: z.uuid(),
    inFlight: z.int(),
    maxConcurrency: z.int(),
    ended: z.object({ lastHour: endedSchema, lastDay: endedSchema }),
    isPartial: z.boolean().meta({ description: "More ended within the day than are counted: the latest are." }),
  })
  .meta({ id: "AgentMetrics" });

/** An agent in a path, by its id or its name. */
export const agentParams = z.object({
  id: z.string().openapi({ description: "The agent's id, or its name, percent-encoded.", example: "reviewer-1" }),
});

export const registrationExample = {
  name: "reviewer-1",
  kind: "worker",
  capabilities: [{ name: "code.review", level: 3, costMicroUsd: 1_200, tags: { language: "typescript" } }],
  maxConcurrency: 4,
  metadata: { team: "platform" },
};

export const agentExample = {
  id: "019ad9b5-6c00-7000-8000-0000000000a1",
  ...registrationExample,
  inFlight: 1,
  connection: "connected",
  availability: "available",
  health: "healthy",
  admin: "active",
  load: { cpu: 0.2 },
  delivery: "push",
  registeredAt: "2026-11-30T00:00:00.000Z",
  lastSeenAt: "2026-11-30T00:00:01.000Z",
};

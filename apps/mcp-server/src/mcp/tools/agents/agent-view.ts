import { type Agent, adminStates, agentKinds, availabilities, healthStates } from "@devmesh/models";
import { z } from "zod";
import { timeSchema } from "../arguments.ts";

const capabilitySchema = z.object({
  name: z.string(),
  level: z.int(),
  costMicroUsd: z.int().optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

/** An agent as tools show it. */
export const agentSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(agentKinds),
  capabilities: z.array(capabilitySchema),
  maxConcurrency: z.int().describe("Tasks it may hold at once."),
  inFlight: z.int().describe("Tasks it holds now."),
  connection: z.enum(["connected", "disconnected"]),
  availability: z.enum(availabilities),
  health: z.enum(healthStates),
  admin: z.enum(adminStates).describe("What an operator decided."),
  delivery: z.enum(["push", "pull"]).describe("push: tasks are sent to it over a socket. pull: it claims them."),
  lastSeenAt: timeSchema,
});

/** Without what only programs read: metadata and load. */
export function toAgentView(agent: Agent): z.input<typeof agentSchema> {
  const { id, name, kind, capabilities, maxConcurrency, inFlight, connection, availability, health } = agent;
  const { admin, delivery, lastSeenAt } = agent;
  return {
    id,
    name,
    kind,
    capabilities: [...capabilities],
    maxConcurrency,
    inFlight,
    connection,
    availability,
    health,
    admin,
    delivery,
    lastSeenAt,
  };
}

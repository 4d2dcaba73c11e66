import { type Agent, adminStates, agentKinds, availabilities, healthStates } from "@devmesh/models";
import { z } from "zod";
import { timeSchema } from "../arguments.ts";
import { inBrief } from "../in-brief.ts";

const capabilitySchema = z.object({
  name: z.string(),
  level: z.int(),
  costMicroUsd: z.int().optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

/** An agent as tools show it. */
const agentSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(agentKinds),
  capabilities: z.array(inBrief(capabilitySchema, ["name", "level"])),
  maxConcurrency: z.int(),
  inFlight: z.int(),
  connection: z.enum(["connected", "disconnected"]),
  availability: z.enum(availabilities),
  health: z.enum(healthStates),
  admin: z.enum(adminStates),
  delivery: z.enum(["push", "pull"]),
  lastSeenAt: timeSchema,
});

/** What a list tells of it, and what of it alone explains itself. */
export const listedAgent = inBrief(agentSchema, [
  ...(["id", "name", "kind", "capabilities", "maxConcurrency", "inFlight", "connection", "availability"] as const),
  ...(["delivery", "lastSeenAt"] as const),
]);

/** What is listed of it where another tool shows it whole. */
export const agentInBrief = inBrief(agentSchema, ["id", "name"], "agent_list");

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

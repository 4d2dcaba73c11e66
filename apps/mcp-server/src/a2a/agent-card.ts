import { A2A_PROTOCOL_VERSION, type AgentCard, type AgentSkill } from "@a2a-js/sdk";
import type { Agent, Capability } from "@devmesh/models";

const textModes = ["text/plain", "application/json"];

/** Where the JSON-RPC binding of an agent is served, as a path. */
export function a2aPath(agent: Pick<Agent, "id">): string {
  return `/a2a/${agent.id}`;
}

/**
 * What other agents may know of a registered one: its capabilities are its skills.
 *
 * @param origin under which clients reach this server.
 */
export function toAgentCard(agent: Agent, origin: string): AgentCard {
  const url = `${origin}${a2aPath(agent)}`;
  return {
    name: agent.name,
    description: describe(agent),
    version: agent.registeredAt,
    provider: undefined,
    supportedInterfaces: [{ url, protocolBinding: "JSONRPC", protocolVersion: A2A_PROTOCOL_VERSION, tenant: "" }],
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false, extensions: [] },
    securitySchemes: {
      key: {
        scheme: {
          $case: "httpAuthSecurityScheme",
          value: { description: "An API key of the mesh", scheme: "bearer", bearerFormat: "" },
        },
      },
    },
    securityRequirements: [{ schemes: { key: { list: [] } } }],
    defaultInputModes: textModes,
    defaultOutputModes: textModes,
    skills: agent.capabilities.map(toSkill),
    signatures: [],
  };
}

function describe({ kind, capabilities }: Agent): string {
  const names = capabilities.map(({ name }) => name).join(", ");
  return names === "" ? `An agent (${kind}) without capabilities.` : `An agent (${kind}) for ${names}.`;
}

function toSkill({ name, level, tags }: Capability): AgentSkill {
  const pairs = Object.entries(tags ?? {}).map(([tag, value]) => `${tag}: ${value}`);
  return {
    id: name,
    name,
    description: `${name}, at level ${level}`,
    tags: pairs.length === 0 ? [name] : pairs,
    examples: [],
    inputModes: [],
    outputModes: [],
    securityRequirements: [],
  };
}

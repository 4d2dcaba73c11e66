import { discoverAgents } from "@devmesh/agents";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertWelcomed } from "../connections/connection-state.ts";
import { decodeCursor, encodeCursor, takeFitting } from "../page.ts";
import type { ServerContext } from "../server-context.ts";

const defaultLimit = 50;
/** Of one page as JSON, so that it fits into a message with room to spare. Judgement. */
const maxPageBytes = 4_194_304;

/** AGENT_DISCOVER: a page of agents, the latest registered first. */
export async function discover(
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<"AGENT_DISCOVER">,
): Promise<void> {
  assertWelcomed(connection.state);
  const { capabilities, availability, limit = defaultLimit, cursor } = payload;
  const page = { limit, after: cursor === undefined ? undefined : decodeCursor("agents", cursor) };
  const found = await discoverAgents(context.agents, connection.tenantId, {
    filter: { capabilities, availability },
    page,
  });
  const agents = takeFitting(found.agents, maxPageBytes);
  const last = agents.at(-1);
  const isCut = agents.length < found.agents.length && last !== undefined;
  const next = isCut ? { at: last.registeredAt, id: last.id } : found.next;
  connection.send("AGENT_LIST", {
    re: payload.id,
    agents,
    ...(next !== undefined && { nextCursor: encodeCursor("agents", next) }),
  });
}

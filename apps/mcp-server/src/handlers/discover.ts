import { discoverAgents, type Page } from "@devmesh/agents";
import { type Agent, AppError, isUuid, utf8Bytes } from "@devmesh/models";
import type { PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import { assertWelcomed } from "../connections/connection-state.ts";
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
  const page = { limit, after: cursor === undefined ? undefined : decodeCursor(cursor) };
  const found = await discoverAgents(context.agents, connection.tenantId, {
    filter: { capabilities, availability },
    page,
  });
  const agents = takeFitting(found.agents);
  const last = agents.at(-1);
  const isCut = agents.length < found.agents.length && last !== undefined;
  const next = isCut ? { at: last.registeredAt, id: last.id } : found.next;
  connection.send("AGENT_LIST", {
    re: payload.id,
    agents,
    ...(next !== undefined && { nextCursor: encodeCursor(next) }),
  });
}

/** As many as a page may hold, but at least one. */
function takeFitting(agents: readonly Agent[]): readonly Agent[] {
  let bytes = 0;
  const end = agents.findIndex((agent, index) => {
    bytes += utf8Bytes(JSON.stringify(agent));
    return bytes > maxPageBytes && index > 0;
  });
  return end < 0 ? agents : agents.slice(0, end);
}

function encodeCursor({ at, id }: NonNullable<Page["after"]>): string {
  return Buffer.from(`${at} ${id}`).toString("base64url");
}

function decodeCursor(cursor: string): NonNullable<Page["after"]> {
  const [at = "", id = "", ...rest] = Buffer.from(cursor, "base64url").toString("utf8").split(" ");
  if (rest.length === 0 && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(at) && Number.isFinite(Date.parse(at)) && isUuid(id)) {
    return { at, id };
  }
  const message = "is none that a page gave";
  throw new AppError("invalid_argument", `cursor: ${message}`, { details: [{ path: "cursor", message }] });
}

import type { Logger } from "@devmesh/observability";
import { type ListToolsResult, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import type { Caller } from "../caller.ts";
import type { ListedTool, ToolSource } from "../tools/tool-source.ts";
import type { Catalogue } from "./catalogue.ts";
import { toProtocolError } from "./protocol-error.ts";

/** Tools of one page. Judgement: all of our own, and room for those of a few servers. */
const pageSize = 200;

/**
 * Answers `tools/list`: all of the server's own, so that a client learns which scope to ask for, and after them those of
 * other servers that the caller may call.
 */
export function createListTools(
  { listed }: Catalogue,
  source: ToolSource,
  logger: Logger,
): (caller: Caller, cursor: string | undefined) => Promise<ListToolsResult> {
  const ownOnly: ListToolsResult = { tools: [...listed] };
  return async ({ principal }, cursor) => {
    const others = await source.list(principal).catch((caught: unknown) => {
      throw toProtocolError(caught, { logger });
    });
    if (others.length === 0 && cursor === undefined) return ownOnly;
    return pageOf([...listed, ...others], cursor);
  };
}

function pageOf(tools: readonly ListedTool[], cursor: string | undefined): ListToolsResult {
  const start = cursor === undefined ? 0 : indexAfter(tools, cursor);
  const page = tools.slice(start, start + pageSize);
  const last = page.at(-1);
  if (last === undefined || start + pageSize >= tools.length) return { tools: page };
  return { tools: page, nextCursor: Buffer.from(last.name).toString("base64url") };
}

/** @throws ProtocolError for a cursor whose tool is not there, or no longer: the listing has to be begun again. */
function indexAfter(tools: readonly ListedTool[], cursor: string): number {
  const name = Buffer.from(cursor, "base64url").toString();
  const index = tools.findIndex((tool) => tool.name === name);
  if (index !== -1) return index + 1;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, "unknown cursor: list the tools from the beginning");
}

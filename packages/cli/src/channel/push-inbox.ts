import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { z } from "zod";

/** Items of an inbox, as `inbox_fetch` gives them: what is not named here is passed on with the rest. */
const itemSchema = z.looseObject({ seq: z.int(), kind: z.string() });
const inboxSchema = z.object({ items: z.array(itemSchema), cursor: z.int().optional() });
type InboxItem = z.infer<typeof itemSchema>;

/** What pushing stands on. */
export interface PushInboxDeps {
  readonly agent: string;
  /** Calls a tool of the mesh, and gives its structured content. */
  readonly callTool: (name: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<unknown>;
  readonly push: (message: JSONRPCMessage) => Promise<void>;
  /** Waits before the next try after a failure; rejects when `signal` aborts. */
  readonly pause: (attempt: number, signal: AbortSignal) => Promise<void>;
  readonly report: (text: string) => void;
}

const waitMs = 25_000;
const maxItems = 20;

/**
 * Pushes what comes into an agent's inbox into the client's session, until `signal` aborts: first what was not
 * acknowledged yet, then each item as it comes, once. It acknowledges nothing: that is the agent's to do.
 */
export async function pushInbox(deps: PushInboxDeps, signal: AbortSignal): Promise<void> {
  let cursor: number | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const inbox = await fetchInbox(deps, cursor, signal);
      for (const item of inbox.items) {
        await deps.push(toChannelMessage(item));
        cursor = item.seq;
      }
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (failures === 0) deps.report(`the inbox of ${deps.agent} can't be read: ${textOf(error)}`);
      await deps.pause(failures++, signal).catch(() => undefined);
    }
  }
}

async function fetchInbox(
  { agent, callTool }: PushInboxDeps,
  cursor: number | undefined,
  signal: AbortSignal,
): Promise<z.infer<typeof inboxSchema>> {
  const asked = { agent, limit: maxItems, waitMs, ...(cursor !== undefined && { cursor }) };
  return inboxSchema.parse(await callTool("inbox_fetch", asked, signal));
}

/** An item as the client's channel takes it: its content as text, and all that is short beside it. */
export function toChannelMessage(item: InboxItem): JSONRPCMessage {
  const { content, ...rest } = item;
  const text = typeof content === "string" ? content : JSON.stringify(content ?? rest);
  const meta = Object.fromEntries(Object.entries(rest).flatMap(([name, value]) => metaOf(name, value)));
  return { jsonrpc: "2.0", method: "notifications/claude/channel", params: { content: text, meta } };
}

/** Values of `meta` are texts: of an agent its name. */
function metaOf(name: string, value: unknown): readonly (readonly [string, string])[] {
  if (typeof value === "string") return [[name, value]];
  if (typeof value === "number" || typeof value === "boolean") return [[name, String(value)]];
  if (typeof value === "object" && value !== null && "name" in value) return metaOf(name, value.name);
  return [];
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

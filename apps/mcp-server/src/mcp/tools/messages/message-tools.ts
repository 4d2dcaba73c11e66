import type { Tool } from "../tool.ts";
import { inboxFetch } from "./inbox-fetch.ts";
import { messageAck } from "./message-ack.ts";
import { messageSend } from "./message-send.ts";
import type { MessageToolDeps } from "./message-tool-deps.ts";

/** The tools by which agents exchange messages. */
export function messageTools(deps: MessageToolDeps): readonly Tool[] {
  return [messageSend(deps), inboxFetch(deps), messageAck(deps)];
}

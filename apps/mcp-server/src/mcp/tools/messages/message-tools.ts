import type { PullStore } from "@devmesh/agents";
import type { NewId } from "@devmesh/models";
import type { Messenger } from "../../../delivery/messenger.ts";
import type { ActingDeps } from "../acting.ts";
import type { Tool } from "../tool.ts";
import { inboxFetch } from "./inbox-fetch.ts";
import type { MailWaiters } from "./mail-waiters.ts";
import { messageAck } from "./message-ack.ts";
import { messageSend } from "./message-send.ts";

/** What the tools of messages work on. */
export interface MessageToolDeps extends ActingDeps {
  readonly messenger: Messenger;
  readonly pull: Pick<PullStore, "readInbox" | "acknowledge">;
  readonly mailWaiters: MailWaiters;
  readonly newId: NewId;
}

/** The tools by which agents exchange messages. */
export function messageTools(deps: MessageToolDeps): readonly Tool[] {
  return [messageSend(deps), inboxFetch(deps), messageAck(deps)];
}

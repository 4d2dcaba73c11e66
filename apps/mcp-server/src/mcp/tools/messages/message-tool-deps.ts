import type { PullStore } from "@devmesh/agents";
import type { NewId } from "@devmesh/models";
import type { MailWaiters } from "../../../delivery/mail-waiters.ts";
import type { Messenger } from "../../../delivery/messenger.ts";
import type { ActingDeps } from "../acting.ts";

/** What the tools of messages work on. */
export interface MessageToolDeps extends ActingDeps {
  readonly messenger: Messenger;
  readonly pull: Pick<PullStore, "readInbox" | "acknowledge">;
  readonly mailWaiters: MailWaiters;
  readonly newId: NewId;
}

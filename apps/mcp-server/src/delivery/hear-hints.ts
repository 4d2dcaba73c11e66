import type { Hints } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import type { TaskWaiters } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import type { AgentServer } from "../agent-server.ts";
import type { MailWaiters } from "./mail-waiters.ts";

/** Whom hints of other processes concern on a node. */
export interface HintListeners {
  readonly hints: Hints;
  readonly nodeId: NodeId;
  readonly server: Pick<AgentServer, "deliver" | "close" | "wakeEvents">;
  readonly engine: Pick<TaskEngine, "wakeClaims">;
  readonly mailWaiters: Pick<MailWaiters, "onMail">;
  readonly waiters: Pick<TaskWaiters, "onChanged">;
}

/** Hands what other processes tell to whoever it concerns; resolves when nothing is missed any more. Closing `hints` ends it. */
export async function hearHints(listeners: HintListeners): Promise<void> {
  const { hints, nodeId, server, engine, mailWaiters, waiters } = listeners;
  await hints.onNode(nodeId, (hint) => {
    if ("deliver" in hint) {
      server.deliver(hint.deliver);
      mailWaiters.onMail(hint.deliver);
    } else server.close(hint.close.connectionId, hint.close.code, hint.close.reason);
  });
  await hints.onClaimable((scope) => engine.wakeClaims(scope));
  await hints.onEventsReadable((tenantIds) => server.wakeEvents(tenantIds));
  await hints.onTaskChanges((refs) => waiters.onChanged(refs));
}

import type { Hints } from "@devmesh/adapters";
import type { AgentStore } from "@devmesh/agents";
import type { Logger } from "@devmesh/observability";
import { createAgentLooks } from "./look-at-agents.ts";
import type { WatchedResources } from "./watched-resources.ts";

export interface HearChangesDeps {
  readonly watched: WatchedResources;
  readonly hints: Pick<Hints, "onTaskChanges" | "onEventsReadable" | "onEntriesChanged" | "onMail">;
  readonly agents: Pick<AgentStore, "find">;
  readonly logger: Logger;
}

/** Tells those who watch resources on this node, as hints of any process come in. Disposal ends it. */
export async function hearChanges({ watched, hints, agents, logger }: HearChangesDeps): Promise<AsyncDisposable> {
  const looks = createAgentLooks({ watched, agents, logger });
  const ends = await Promise.all([
    hints.onTaskChanges((refs) => {
      if (watched.size === 0) return;
      for (const { tenantId, taskId } of refs) watched.changed({ tenantId, kind: "task", id: taskId });
    }),
    hints.onMail((refs) => {
      if (watched.size === 0) return;
      for (const { tenantId, agentId } of refs) watched.changed({ tenantId, kind: "inbox", id: agentId });
    }),
    hints.onEntriesChanged((refs) => {
      if (watched.size === 0) return;
      for (const { tenantId, entryId } of refs) watched.changed({ tenantId, kind: "entry", id: entryId });
    }),
    hints.onEventsReadable((tenantIds) => {
      if (watched.size > 0) for (const tenantId of tenantIds) looks.wake(tenantId);
    }),
  ]);
  return {
    [Symbol.asyncDispose]: async () => {
      looks[Symbol.dispose]();
      await Promise.all(ends.map((end) => end()));
    },
  };
}

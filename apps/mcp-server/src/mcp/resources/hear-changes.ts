import type { EndHearing, Hints } from "@devmesh/adapters";
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

/** Hears what changes while somebody on this node watches something. Disposal ends it. */
export interface Hearing extends AsyncDisposable {
  /** Resolves once changes are heard: to be awaited before anything is watched. */
  begin(): Promise<void>;
}

/** How long a node hears on after the last who watched has gone: most come back. Judgement. */
const idleMs = 30_000;

/** A node on which nobody watches subscribes no hints: on a busy mesh it would parse thousands a second for nothing. */
export function hearChanges(deps: HearChangesDeps): Hearing {
  const { watched, logger } = deps;
  const looks = createAgentLooks(deps);
  let hearing: Promise<readonly EndHearing[]> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function end(): Promise<void> {
    clearInterval(timer);
    timer = undefined;
    const ends = await (hearing ?? []);
    hearing = undefined;
    await Promise.all(ends.map((endOne) => endOne()));
  }

  function begin(): Promise<readonly EndHearing[]> {
    timer ??= setInterval(() => {
      if (watched.size === 0) end().catch((err: unknown) => logger.debug({ err }, "a hearing did not end"));
    }, idleMs).unref();
    return subscribe(deps, looks.wake);
  }

  return {
    async begin() {
      hearing ??= begin();
      try {
        await hearing;
      } catch (error) {
        hearing = undefined;
        throw error;
      }
    },
    [Symbol.asyncDispose]: async () => {
      looks[Symbol.dispose]();
      await end();
    },
  };
}

async function subscribe(
  { watched, hints }: HearChangesDeps,
  wake: ReturnType<typeof createAgentLooks>["wake"],
): Promise<readonly EndHearing[]> {
  const begun = await Promise.allSettled([
    hints.onTaskChanges((refs) => {
      for (const { tenantId, taskId } of refs) watched.changed({ tenantId, kind: "task", id: taskId });
    }),
    hints.onMail((refs) => {
      for (const { tenantId, agentId } of refs) watched.changed({ tenantId, kind: "inbox", id: agentId });
    }),
    hints.onEntriesChanged((refs) => {
      for (const { tenantId, entryId } of refs) watched.changed({ tenantId, kind: "entry", id: entryId });
    }),
    hints.onEventsReadable((tenantIds) => {
      for (const tenantId of tenantIds) wake(tenantId);
    }),
  ]);
  const ends = begun.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const failed = begun.find((one) => one.status === "rejected");
  if (failed === undefined) return ends;
  // all or none: what is heard twice is told twice
  await Promise.all(ends.map((end) => end()));
  throw failed.reason;
}

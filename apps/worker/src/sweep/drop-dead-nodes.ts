import type { Presence } from "@devmesh/adapters";
import type { DroppedNodes, NodeStore, NodeTimes } from "@devmesh/agents";
import type { NodeId } from "@devmesh/models";
import type { CounterMetric, Logger, Metrics } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";
import { createSuspicion } from "./suspicion.ts";

export interface DropDeadNodesDeps {
  readonly nodes: Pick<NodeStore, "survey" | "dropDead" | "endPresences">;
  /** Where nodes say that they live; without it their leases alone count. */
  readonly presence: Pick<Presence, "find"> | undefined;
  readonly times: NodeTimes;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** What a worker tells of the nodes of the MCP server. */
export interface NodeMetrics {
  /** Nodes with a valid lease; 0 in a worker that does not sweep. */
  alive: number;
  readonly dropped: CounterMetric<never>;
}

/** Makes the metrics; once per service. */
export function createNodeMetrics(metrics: Metrics): NodeMetrics {
  const own: NodeMetrics = {
    alive: 0,
    dropped: metrics.counter({ name: "devmesh_nodes_dropped_total", help: "Nodes of the MCP server found dead." }),
  };
  metrics.gauge({
    name: "devmesh_nodes_alive",
    help: "Nodes of the MCP server with a valid lease, in the worker that sweeps.",
    read: () => own.alive,
  });
  return own;
}

/**
 * Drops the connections of nodes whose lease ended, and notes which agents without a connection are silent for too long,
 * until `signal` aborts: it looks when the first of the leases would end. A node that stopped saying that it lives is
 * looked at at once, and dropped if it has not renewed its lease for two thirds of it: Redis' word alone drops nobody.
 */
export async function dropDeadNodes(deps: DropDeadNodesDeps, signal: AbortSignal): Promise<void> {
  const { nodes, presence, times, metrics, logger, now } = deps;
  const suspicion = createSuspicion(times.suspectAfterMs, now);
  let alive: readonly NodeId[] = [];
  let surveyAt = now();
  /** After an outage of the database the nodes that live get the time to renew their leases before they are judged. */
  let isDoubtful = true;
  let known: readonly NodeId[] = [];

  async function look(): Promise<void> {
    const suspects = suspicion.note(alive, await presence?.find(alive));
    const isNews = suspects.some((nodeId) => !known.includes(nodeId));
    known = suspects;
    if (!isNews && now() < surveyAt) return;
    const wasDoubtful = isDoubtful;
    isDoubtful = true;
    const survey = await nodes.survey();
    isDoubtful = false;
    alive = survey.alive;
    metrics.alive = alive.length;
    if (survey.hasLapsed) await nodes.endPresences();
    if (wasDoubtful && survey.hasDead) {
      surveyAt = now() + times.renewEveryMs;
      return;
    }
    surveyAt = now() + Math.max(times.sweepPauseMs, Math.min(times.leaseMs, survey.nextEndInMs ?? times.leaseMs));
    // one that renewed its lease just before it died is looked at once more
    if (isNews) surveyAt = Math.min(surveyAt, now() + times.leaseMs / 5);
    if (survey.hasDead || suspects.length > 0) tell(await nodes.dropDead(suspects), deps);
  }

  try {
    await runLoop({
      name: "drop dead nodes",
      signal,
      logger,
      maxBackoffMs: times.leaseMs / 3,
      work: async () => {
        const untilSurveyMs = Math.max(0, surveyAt - now());
        await sleep(presence === undefined ? untilSurveyMs : Math.min(times.lookEveryMs, untilSurveyMs), signal);
        if (!signal.aborted) await look();
      },
    });
  } finally {
    metrics.alive = 0;
  }
}

function tell({ nodes, agents }: DroppedNodes, { metrics, logger }: DropDeadNodesDeps): void {
  const agentsByNode = Map.groupBy(agents, ({ nodeId }) => nodeId);
  metrics.dropped.inc(nodes.length);
  for (const nodeId of new Set([...nodes, ...agentsByNode.keys()])) {
    logger.warn({ nodeId, agents: agentsByNode.get(nodeId)?.length ?? 0 }, "connections of a dead node dropped");
  }
}

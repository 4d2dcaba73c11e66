import { connectAgent } from "@devmesh/agent-sdk";
import { openPostgres, sql } from "@devmesh/repositories";
import { type Fleet, openFleet } from "@devmesh/tests/fleet";
import { post } from "../../submit.ts";
import { type OnTask, type OpenPeer, type Payload, type Peer, slots } from "../peer.ts";

const slotsPerAgent = 10;

interface Target {
  readonly url: string;
  readonly apiKey: string;
  readonly agents: number;
}

/** This project, as it is deployed: three services, agents in a process of their own, over their sockets. */
export const devmesh: Peer = {
  version: () => "this commit",
  settings: `rest-api, mcp-server and worker as a process each, with their defaults; ${slots / slotsPerAgent} agents × ${slotsPerAgent} slots`,
  open: async () => toPeer(await openFleet({ fsync: true, times: {} })),
  startWorkers: (target, onTask) => startWorkers(target as Target, onTask),
};

/** The fleet as a peer. */
export function toPeer(fleet: Fleet): OpenPeer {
  const database = openPostgres({ url: fleet.services.databaseUrl, maxConnections: 1 });
  const toTask = (input: Payload): object => ({ type: "bench", input });
  return {
    target: {
      url: `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`,
      apiKey: fleet.apiKey,
      agents: slots / slotsPerAgent,
    } satisfies Target,
    submitMany: async (payloads) => {
      const body = { tasks: payloads.map(toTask) };
      const { data } = (await post(fleet, "/api/v1/tasks/batch", body)) as { data: readonly object[] };
      const refused = data.find((result) => "error" in result);
      if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
    },
    submitOne: async (payload) => {
      await post(fleet, "/api/v1/tasks", toTask(payload));
    },
    countLeft: async () => {
      const { rows } = await database.query<{ left: number }>(sql`
        select count(*)::int as left from task where finished_at is null`);
      return rows[0]?.left ?? 0;
    },
    countDone: async () => {
      const { rows } = await database.query<{ done: number; results: number }>(sql`
        select (select count(*)::int from task where state = 'completed') as done,
          (select count(*)::int from task_result) as results`);
      const { done = 0, results = 0 } = rows[0] ?? {};
      if (done !== results) throw new Error(`${done} tasks completed, ${results} results`);
      return done;
    },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    },
  };
}

async function startWorkers({ url, apiKey, agents }: Target, onTask: OnTask): Promise<() => Promise<void>> {
  const bench = ({ input }: { readonly input?: unknown }): Promise<null> => {
    onTask(input as Payload);
    return Promise.resolve(null);
  };
  const connected = await Promise.all(
    Array.from({ length: agents }, (_, index) =>
      connectAgent({
        url,
        apiKey,
        name: `bench-${index}`,
        capabilities: [{ name: "bench" }],
        maxConcurrency: slotsPerAgent,
      }),
    ),
  );
  for (const agent of connected) void agent.handle({ bench });
  return async () => {
    await Promise.all(connected.map((agent) => agent.close()));
  };
}

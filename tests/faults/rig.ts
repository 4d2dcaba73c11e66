import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openPostgres } from "@devmesh/repositories";
import { type Fleet, openFleet } from "../kit/fleet.ts";
import { type AgentHost, openAgentHost } from "./load/agent-host.ts";
import type { AgentSetting } from "./load/agent-setting.ts";
import { createCommitWatch } from "./proxy/commit-watch.ts";
import { openQueueProxy, type QueueProxy } from "./proxy/queue-proxy.ts";
import { openTcpProxy, type TcpProxy } from "./proxy/tcp-proxy.ts";
import { watchLedger } from "./watch-ledger.ts";

/** The services' leases, as {@link openFleet} sets them. */
export const leaseMs = 3_000;
/** What a session of the rig itself is called, so that no fault hits it. */
export const rigSessions = "faults";

/** How many of the answers to a COMMIT are lost on the way. */
export interface CommitAnswers {
  lose(share: number, random: () => number): void;
}

/** All that can be broken: services, stores, the agents, and the network between them. */
export interface Rig extends AsyncDisposable {
  readonly fleet: Fleet;
  /** Past the proxy. */
  readonly database: Database;
  readonly commitAnswers: CommitAnswers;
  readonly queue: QueueProxy;
  /** Between the agents and each node. */
  readonly networks: readonly TcpProxy[];
  readonly hosts: readonly AgentHost[];
}

const hostCount = 3;
const slotsByAgent = [4, 3, 3, 2, 3, 3];

/** Those that claim their tasks by MCP; the others have sockets. One in each process, on both nodes. */
const pulling: readonly number[] = [2, 3, 4];

/** Two nodes, two workers and a REST service on stores behind proxies, and three processes of two agents each. */
export async function openRig(): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "devmesh-faults-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  let lostShare = 0;
  let random = (): number => 1;
  const inspect = (): ReturnType<typeof createCommitWatch> => createCommitWatch(() => random() >= lostShare);
  const opened: { queue?: QueueProxy; database?: Database } = {};
  const fleet = stack.use(
    await openFleet({
      mcpServers: 2,
      workers: 2,
      route: async (direct) => {
        const database = stack.use(
          openPostgres({ url: direct.databaseUrl, applicationName: rigSessions, maxConnections: 5 }),
        );
        await watchLedger(database);
        const proxy = stack.use(await openTcpProxy({ targetPort: portOf(direct.databaseUrl), inspect }));
        const queue = stack.use(await openQueueProxy(portOf(direct.queueUrl)));
        Object.assign(opened, { queue, database });
        return {
          databaseUrl: withPort(direct.databaseUrl, proxy.port),
          queueUrl: withPort(direct.queueUrl, queue.port),
        };
      },
    }),
  );
  const { queue, database } = opened;
  if (queue === undefined || database === undefined) throw new Error("the services were started without their proxies");
  const networks = await Promise.all(
    fleet.mcp.map(async ({ url }) => stack.use(await openTcpProxy({ targetPort: portOf(url) }))),
  );
  const hosts = await Promise.all(
    Array.from({ length: hostCount }, async (_, index) => stack.use(await openHost({ fleet, networks, dir }, index))),
  );
  const owned = stack.move();
  return {
    fleet,
    database,
    commitAnswers: {
      lose: (share, by) => {
        lostShare = share;
        random = by;
      },
    },
    queue,
    networks,
    hosts,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openHost(
  { fleet, networks, dir }: Pick<Rig, "fleet" | "networks"> & { readonly dir: string },
  index: number,
): Promise<AgentHost> {
  const agents = slotsByAgent.flatMap((concurrency, number): AgentSetting[] => {
    if (number % hostCount !== index) return [];
    const delivery = pulling.includes(number) ? "pull" : "push";
    const urls = networks.map((_, offset) => `http://127.0.0.1:${networks[(number + offset) % networks.length]?.port}`);
    return [{ name: `agent-${number}`, delivery, urls, concurrency, isVersatile: number % 2 === 0 }];
  });
  const host = await openAgentHost({ apiKey: fleet.apiKey, file: join(dir, `host-${index}.jsonl`), agents });
  await host.process.waitForLine(/agent is ready/);
  return host;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href.replace(/\/$/, "");
}

import type { Peer } from "./peer.ts";
import { bullmq } from "./peers/bullmq.ts";
import { devmesh } from "./peers/devmesh.ts";
import { graphileWorker } from "./peers/graphile-worker.ts";
import { pgBoss } from "./peers/pg-boss.ts";

/** All that is measured, by the name that the report gives it. */
export const peers = {
  devmesh,
  "graphile-worker": graphileWorker("defaults"),
  "graphile-worker-batched": graphileWorker("batched"),
  "pg-boss": pgBoss("polling"),
  "pg-boss-burst": pgBoss("burst"),
  "bullmq-everysec": bullmq("everysec"),
  "bullmq-always": bullmq("always"),
} as const satisfies Readonly<Record<string, Peer>>;

export type PeerName = keyof typeof peers;

export function isPeerName(name: string): name is PeerName {
  return Object.hasOwn(peers, name);
}

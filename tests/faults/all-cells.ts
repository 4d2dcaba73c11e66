import { exhaustPool } from "./cells/exhausted-pool.ts";
import { fullDisk } from "./cells/full-disk.ts";
import { killAgents } from "./cells/kill-agents.ts";
import { killMcpServers, killRestApi, killWorkers } from "./cells/kill-services.ts";
import { loseCommitAnswers } from "./cells/lost-commits.ts";
import { cutNetworks, stallNetworks } from "./cells/networks.ts";
import { pauseAgents, pauseServices } from "./cells/pause.ts";
import { restartPostgres, terminateSessions } from "./cells/postgres.ts";
import { rollingRestart } from "./cells/rolling-restart.ts";
import { skewClocks } from "./cells/skewed-clocks.ts";
import { unrulyQueue } from "./cells/unruly-queue.ts";
import { loseValkey } from "./cells/valkey.ts";
import type { Cell } from "./run-cell.ts";

/** What befalls processes, of services and of agents. */
export const cellsOfProcesses: readonly Cell[] = [
  killMcpServers,
  killWorkers,
  killRestApi,
  killAgents,
  pauseAgents,
  pauseServices,
  skewClocks,
  rollingRestart,
];

/** What befalls that which they stand on: stores, queue and networks. */
export const cellsOfGrounds: readonly Cell[] = [
  restartPostgres,
  terminateSessions,
  exhaustPool,
  fullDisk,
  loseCommitAnswers,
  loseValkey,
  unrulyQueue,
  cutNetworks,
  stallNetworks,
];

/** Every cell, in the order in which they run. */
export const allCells: readonly Cell[] = [...cellsOfProcesses, ...cellsOfGrounds];

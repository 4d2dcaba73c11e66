import { afterAll, beforeAll } from "vitest";
import { waitFor } from "./wait-for.ts";

/** What a test may leave open: connections, listeners, processes, timers. Named as Node's async resources are. */
const watchedResources = new Set(["TCPSocketWrap", "TCPServerWrap", "UDPWrap", "ProcessWrap", "Timeout"]);
/** Sockets take a moment to close, on a loaded machine a long one. */
const settleMs = 15_000;

/** Call it at the top of a test file: the file fails if a socket, server, process or timer that it opened stays open. */
export function checkLeaks(): void {
  let findLeaks: () => readonly string[] = () => [];
  beforeAll(() => {
    findLeaks = watchLeaks();
  });
  afterAll(async () => {
    await waitFor(() => findLeaks().length === 0, { timeoutMs: settleMs }).catch(() => {
      throw new Error(`still open after the last test: ${findLeaks().join(", ")}`);
    });
  });
}

/** Gives a function that says what has been opened since and is open still, such as `1 TCPServerWrap`. */
export function watchLeaks(): () => readonly string[] {
  const before = countResources();
  return () => {
    const leaks: string[] = [];
    for (const [resource, count] of countResources()) {
      const more = count - (before.get(resource) ?? 0);
      if (more > 0) leaks.push(`${more} ${resource}`);
    }
    return leaks;
  };
}

/** A timer that doesn't keep the process alive isn't counted by Node, and is none of ours. */
function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const resource of process.getActiveResourcesInfo()) {
    if (watchedResources.has(resource)) counts.set(resource, (counts.get(resource) ?? 0) + 1);
  }
  return counts;
}

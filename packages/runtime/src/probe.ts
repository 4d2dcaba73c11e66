import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";

/** One dependency of a service, as readiness sees it. */
export interface Probe {
  /** Whether the service can't do its job without it. */
  readonly needed: boolean;
  /** Resolves when the dependency answers. Whatever it rejects with goes to the log only. */
  check(signal: AbortSignal): Promise<void>;
}

/** What anybody may see of a dependency. */
export interface ProbeResult {
  readonly status: "up" | "down";
  readonly needed: boolean;
  readonly latencyMs: number;
}

export interface ProberOptions {
  readonly probes: Readonly<Record<string, Probe>>;
  readonly timeoutMs: number;
  readonly cacheMs: number;
  readonly now: () => number;
  readonly logger?: Logger | undefined;
}

/**
 * Makes a function that probes all dependencies at once. Its answer is kept for `cacheMs`, callers who come while it
 * probes share one answer, and a change of a dependency is logged once.
 */
export function createProber(options: ProberOptions): () => Promise<Readonly<Record<string, ProbeResult>>> {
  const { probes, cacheMs, now } = options;
  const isUpByName = new Map<string, boolean>();
  let running: Promise<Readonly<Record<string, ProbeResult>>> | undefined;
  let freshUntil = Number.NEGATIVE_INFINITY;

  async function probeAll(): Promise<Readonly<Record<string, ProbeResult>>> {
    const results = await Promise.all(
      Object.entries(probes).map(async ([name, probe]) => {
        const outcome = await probeOne(probe, options);
        logChange(name, outcome);
        return [name, outcome.result] as const;
      }),
    );
    freshUntil = now() + cacheMs;
    return Object.fromEntries(results);
  }

  function logChange(name: string, { result, err }: Outcome): void {
    const isUp = result.status === "up";
    const wasUp = isUpByName.get(name) ?? true;
    isUpByName.set(name, isUp);
    if (isUp && !wasUp) options.logger?.info({ dependency: name }, "dependency is up again");
    if (!isUp && wasUp) options.logger?.warn({ dependency: name, err }, "dependency is down");
  }

  return () => {
    if (running === undefined || now() >= freshUntil) {
      freshUntil = Number.POSITIVE_INFINITY;
      running = probeAll();
    }
    return running;
  };
}

interface Outcome {
  readonly result: ProbeResult;
  readonly err?: unknown;
}

async function probeOne(probe: Probe, { timeoutMs, now }: ProberOptions): Promise<Outcome> {
  const startedAt = now();
  const controller = new AbortController();
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new AppError("deadline_exceeded", `probe took longer than ${timeoutMs} ms`));
    controller.abort();
  }, timeoutMs);
  const { needed } = probe;
  try {
    await Promise.race([probe.check(controller.signal), timeout]);
    return { result: { status: "up", needed, latencyMs: now() - startedAt } };
  } catch (err) {
    return { result: { status: "down", needed, latencyMs: now() - startedAt }, err };
  } finally {
    clearTimeout(timer);
  }
}

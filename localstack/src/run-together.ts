/** Runs one service until its signal aborts; says once at which port it is ready. */
export type RunnableService = (signal: AbortSignal, onReady: (port: number) => void) => Promise<void>;

export interface TogetherOptions<Name extends string> {
  readonly signal: AbortSignal;
  /** Runs when all services are ready; while it goes on, they do. Its signal aborts when a service fails, too. */
  readonly work: (ports: Readonly<Record<Name, number>>, signal: AbortSignal) => Promise<void>;
}

/**
 * Starts services side by side, does `work`, and ends them when that has returned. A service that fails ends the others,
 * and its error is thrown.
 */
export async function runTogether<Name extends string>(
  services: Readonly<Record<Name, RunnableService>>,
  { signal, work }: TogetherOptions<Name>,
): Promise<void> {
  const stopping = new AbortController();
  const failing = new AbortController();
  const ports: Partial<Record<Name, number>> = {};
  const running: Promise<void>[] = [];
  const becomeReady = (Object.keys(services) as Name[]).map((name) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const service = services[name](stopping.signal, (port) => {
      ports[name] = port;
      resolve();
    });
    service.catch((error: unknown) => {
      failing.abort();
      reject(error);
    });
    running.push(service);
    return promise;
  });
  try {
    await Promise.all(becomeReady);
    const end = AbortSignal.any([signal, failing.signal]);
    if (!end.aborted) await work(ports as Record<Name, number>, end);
  } finally {
    stopping.abort();
    await Promise.allSettled(running);
  }
  await Promise.all(running);
}

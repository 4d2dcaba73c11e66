import { AppError, type ToolServerId } from "@devmesh/models";

/** How often servers may be started again that keep ending. */
export interface Restarts {
  /** @throws AppError what ended it last, with the time to wait, while it is too early. */
  assertMayStart(serverId: ToolServerId, version: number): void;
  noteStart(serverId: ToolServerId, version: number): void;
  /** It ended by itself. */
  noteEnd(serverId: ToolServerId): void;
  /** It could not be started, or shook no hands. */
  noteFailure(serverId: ToolServerId, version: number, error: unknown): void;
  forget(serverId: ToolServerId): void;
}

/** The pause before the second start in a row; each further one doubles it. The first is at once. */
const minPauseMs = 250;
const maxPauseMs = 30_000;
/** What lived for so long has started well. */
const steadyMs = 10_000;
/** Far more than are tried at once; the oldest is forgotten. */
const maxKept = 4_096;

interface Life {
  readonly version: number;
  readonly startedAt: number;
  /** In a row, each soon after the start before it. */
  readonly ends: number;
  readonly notBefore: number;
  readonly error: AppError;
}

/** Keeps the count; `now` in milliseconds of a clock that nobody sets. */
export function createRestarts(now: () => number = () => performance.now()): Restarts {
  const lives = new Map<ToolServerId, Life>();

  function keep(serverId: ToolServerId, life: Life): void {
    lives.delete(serverId);
    lives.set(serverId, life);
    const [oldest] = lives.keys();
    if (lives.size > maxKept && oldest !== undefined) lives.delete(oldest);
  }

  function note(serverId: ToolServerId, version: number, error: AppError): void {
    const last = lives.get(serverId);
    const ends = last?.version === version ? last.ends + 1 : 1;
    const pauseMs = ends === 1 ? 0 : Math.min(maxPauseMs, minPauseMs * 2 ** (ends - 2));
    keep(serverId, { version, startedAt: now(), ends, notBefore: now() + pauseMs, error });
  }

  return {
    assertMayStart: (serverId, version) => {
      const life = lives.get(serverId);
      if (life === undefined || life.version !== version || now() >= life.notBefore) return;
      const { code, reason, message } = life.error;
      const retryAfterMs = Math.ceil(life.notBefore - now());
      throw new AppError(code, message, { reason, retryAfterMs, cause: life.error });
    },
    noteStart: (serverId, version) => {
      const last = lives.get(serverId);
      const ends = last?.version === version ? last.ends : 0;
      keep(serverId, { version, startedAt: now(), ends, notBefore: 0, error: crashed() });
    },
    noteEnd: (serverId) => {
      const life = lives.get(serverId);
      if (life === undefined) return;
      if (now() - life.startedAt >= steadyMs) keep(serverId, { ...life, ends: 0, notBefore: 0 });
      else note(serverId, life.version, crashed());
    },
    noteFailure: (serverId, version, error) => {
      note(serverId, version, error instanceof AppError ? error : crashed(error));
    },
    forget: (serverId) => lives.delete(serverId),
  };
}

function crashed(cause?: unknown): AppError {
  return new AppError("unavailable", "the tool server ended soon after its start", { reason: "tool_crashed", cause });
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { type Child, type Program, startChild } from "./child.ts";

/** Owns every program that runs for this process. Disposing ends them all, and what they started, and removes their folders. */
export interface Programs extends AsyncDisposable {
  /**
   * Starts a program in an empty folder of its own, which goes when it ends.
   *
   * @throws AppError `unavailable`, reason `tool_crashed`, where the system can't; `cancelled` once this is disposed of.
   */
  start(program: Program): Promise<Child>;
}

/** @param parent where the folders of programs are made. */
export function createPrograms(parent: string = tmpdir()): Programs {
  const running = new Set<Child>();
  // from the first step of a start until its folder is gone
  const lives = new Set<Promise<void>>();
  let isClosed = false;
  const killAll = (): void => {
    for (const child of running) child.kill();
  };
  process.once("exit", killAll);

  async function run(program: Program): Promise<{ readonly child: Child; readonly gone: Promise<void> }> {
    const folder = await makeFolder(parent);
    const child = await startChild({ ...program, folder }).catch(async (error: unknown) => {
      await removeFolder(folder, program.logger);
      throw error;
    });
    running.add(child);
    const gone = child.ended.then(() => {
      running.delete(child);
      return removeFolder(folder, program.logger);
    });
    if (isClosed) child.kill();
    return { child, gone };
  }

  return {
    async start(program) {
      if (isClosed) throw new AppError("cancelled", "no program is started any more");
      const starting = run(program);
      const life = starting.then(
        ({ gone }) => gone,
        () => undefined,
      );
      lives.add(life);
      void life.finally(() => lives.delete(life));
      return (await starting).child;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all([...running].map((child) => child.stop()));
      await Promise.all(lives);
      process.removeListener("exit", killAll);
    },
  };
}

/** For this user alone: mode 0700. */
async function makeFolder(parent: string): Promise<string> {
  return mkdtemp(join(parent, "devmesh-tool-")).catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? cause.code : "no folder";
    throw new AppError("unavailable", `the tool server can't be started: ${code}`, { reason: "tool_crashed", cause });
  });
}

/** Links in it are removed, and not followed. */
async function removeFolder(folder: string, logger: Logger): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 });
  } catch (err) {
    logger.warn({ err, folder }, "the folder of a tool server was not removed");
  }
}

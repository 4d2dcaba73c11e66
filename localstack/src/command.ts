import { resolve } from "node:path";
import { AppError } from "@devmesh/models";
import { shutdownSignal } from "@devmesh/runtime";
import { formatBanner } from "./banner.ts";
import { runDemo } from "./demo.ts";
import { type EmbeddedMesh, runEmbedded } from "./embedded.ts";
import { removeLocalFile, writeLocalFile } from "./local-file.ts";
import { parseCommand, usage } from "./options.ts";

interface StartOptions {
  readonly demo: boolean;
  readonly home: string;
}

/** Ctrl-C ends everything within 10 s, however busy it is. */
const deadlineMs = 9_500;

/** Runs the command that `npm start` gives; resolves with the exit code when all has ended. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  switch (command.kind) {
    case "help":
      console.log(usage);
      return 0;
    case "wrong":
      console.error(`devmesh: ${command.message}`);
      return 2;
    case "start":
      return start(command);
  }
}

async function start({ demo, home: folder }: StartOptions): Promise<number> {
  const home = resolve(folder);
  const signal = shutdownSignal({ deadlineMs });
  try {
    await runEmbedded({ home, env: process.env, work: (mesh, end) => stayUp(mesh, { home, demo }, end) }, signal);
    console.log("Devmesh has stopped.");
    return 0;
  } catch (error) {
    console.error(`devmesh: ${toLine(error)}`);
    return 1;
  }
}

async function stayUp(mesh: EmbeddedMesh, { home, demo }: StartOptions, signal: AbortSignal): Promise<void> {
  await writeLocalFile(home, mesh);
  console.log(formatBanner(mesh, home, performance.now()));
  await using _agents = demo ? await runDemo(mesh, console.log, signal) : undefined;
  if (!signal.aborted) await new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
  console.log("\nStopping …");
  await removeLocalFile(home);
}

/** What a person can act on is one line; what is our own bug shows where it happened. */
function toLine(error: unknown): string {
  if (error instanceof AppError && error.code !== "internal") return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

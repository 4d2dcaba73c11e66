import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateJson } from "./private-file.ts";

/**
 * How programs on this machine find the mesh. The file is there while the mesh is up: it is written when all is ready and
 * goes as soon as a stop begins. Only a process that was killed leaves it behind; then `pid` names no process any more.
 */
export interface LocalMesh {
  readonly restUrl: string;
  readonly wsUrl: string;
  readonly mcpUrl: string;
  readonly apiKey: string;
  readonly pid: number;
}

/** Announces that all is ready, in `local.json`. */
export function writeLocalFile(home: string, mesh: LocalMesh): Promise<void> {
  const { restUrl, wsUrl, mcpUrl, apiKey, pid } = mesh;
  return writePrivateJson(localFile(home), { restUrl, wsUrl, mcpUrl, apiKey, pid });
}

/** Takes back what this or an earlier run announced: who waits for the file waits for the next to be ready. */
export function removeLocalFile(home: string): Promise<void> {
  return rm(localFile(home), { force: true });
}

/** The path of the file that says where a running mesh is. */
export function localFile(home: string): string {
  return join(home, "local.json");
}

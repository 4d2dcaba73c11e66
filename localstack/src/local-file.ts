import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateJson } from "./private-file.ts";

/** How programs on this machine find the mesh. */
export interface LocalMesh {
  readonly restUrl: string;
  readonly wsUrl: string;
  readonly mcpUrl: string;
  readonly apiKey: string;
  readonly pid: number;
}

/** Announces that all is ready, in `local.json`. */
export function writeLocalFile(home: string, mesh: LocalMesh): Promise<void> {
  return writePrivateJson(localFile(home), mesh);
}

/** Takes back what an earlier run announced: who waits for the file waits for this run. */
export function removeLocalFile(home: string): Promise<void> {
  return rm(localFile(home), { force: true });
}

export function localFile(home: string): string {
  return join(home, "local.json");
}

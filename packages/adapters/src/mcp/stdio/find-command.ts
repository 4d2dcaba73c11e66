import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { AppError } from "@devmesh/models";

/**
 * The file of a command: an absolute path, or a name that is looked for in this process's PATH.
 *
 * @throws AppError `failed_precondition`, reason `command_not_found`, where it is not there.
 */
export async function findCommand(command: string): Promise<string> {
  const candidates = isAbsolute(command) ? [command] : foldersOfPath().map((folder) => join(folder, command));
  for (const file of candidates) {
    if (await isExecutable(file)) return file;
  }
  throw new AppError("failed_precondition", `command ${JSON.stringify(command)} is not installed`, {
    reason: "command_not_found",
  });
}

/** Relative folders depend on where the process was started: they are left out. */
function foldersOfPath(): readonly string[] {
  return (process.env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

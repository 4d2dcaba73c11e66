import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { AppError } from "@devmesh/models";

/**
 * The file of a command that the operator allows: an absolute path, or a name that is looked for in this process's PATH. It
 * must stand on the list as it is given, in letter and case.
 *
 * @throws AppError `failed_precondition`, reason `command_not_allowed`, or `command_not_found` where it is allowed and not there.
 */
export async function findCommand(command: string, allowed: readonly string[]): Promise<string> {
  const isPath = isAbsolute(command);
  if (!allowed.includes(command) || (!isPath && command.includes("/"))) {
    throw new AppError("failed_precondition", `command ${JSON.stringify(command)} is not on the allow list`, {
      reason: "command_not_allowed",
    });
  }
  const candidates = isPath ? [command] : foldersOfPath().map((folder) => join(folder, command));
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

import { isAbsolute } from "node:path";
import { AppError, type ToolServerTransport } from "@devmesh/models";
import { assertUrlAllowed, type UrlRules } from "./http/url-rules.ts";

/** What of this machine may be started, and which addresses may be asked. */
export interface TransportRules extends UrlRules {
  /** Absolute paths, or names that stand in this process's PATH. Empty: no program is started. */
  readonly allowedCommands: readonly string[];
}

/** Of the list that an error shows. */
const maxShown = 20;

/**
 * Refuses a way to a server that the operator does not allow: when it is registered, and whenever it is opened, as rules
 * differ between processes and in time. What a name stands for is looked at when it is connected to.
 *
 * @throws AppError `failed_precondition` with reason `command_not_allowed` or `address_not_allowed`, and the place in `details`.
 */
export function assertTransportAllowed(transport: ToolServerTransport, rules: TransportRules): void {
  if (transport.kind === "stdio") assertCommandAllowed(transport.command, rules.allowedCommands);
  else assertUrlAllowed(new URL(transport.url), rules);
}

/** It must stand on the list as it is given, in letter and case, and be a name or an absolute path. */
function assertCommandAllowed(command: string, allowed: readonly string[]): void {
  if (allowed.includes(command) && (isAbsolute(command) || !command.includes("/"))) return;
  const bound = `must be one that the operator allows (${listOf(allowed)})`;
  throw new AppError("failed_precondition", `command ${JSON.stringify(command)} ${bound}`, {
    reason: "command_not_allowed",
    details: [{ path: "transport.command", message: bound }],
  });
}

function listOf(allowed: readonly string[]): string {
  if (allowed.length === 0) return "none";
  const more = allowed.length - maxShown;
  return `${allowed.slice(0, maxShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

import { isAbsolute } from "node:path";
import { AppError, type ToolServerTransport } from "@devmesh/models";
import { assertUrlAllowed, type UrlRules } from "./http/url-rules.ts";

/** What of this machine may be started, and which addresses may be asked. */
export interface TransportRules extends UrlRules {
  /** Absolute paths, or names that stand in this process's PATH. Empty: no program is started. */
  readonly allowedCommands: readonly string[];
  /** Names of variables that a program may be given; a `*` in one stands for any characters, or none. */
  readonly allowedVariables: readonly string[];
}

/** Of the list that an error shows. */
const maxShown = 20;

/**
 * Refuses a way to a server that the operator does not allow: when it is registered, and whenever it is opened, as rules
 * differ between processes and in time. What a name stands for is looked at when it is connected to.
 *
 * @throws AppError `failed_precondition` with reason `command_not_allowed`, `variable_not_allowed` or `address_not_allowed`, and
 * the places in `details`.
 */
export function assertTransportAllowed(transport: ToolServerTransport, rules: TransportRules): void {
  if (transport.kind === "http") {
    assertUrlAllowed(new URL(transport.url), rules);
    return;
  }
  assertCommandAllowed(transport.command, rules.allowedCommands);
  assertVariablesAllowed(Object.keys(transport.env), rules.allowedVariables);
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

/** A list of what is bad is never whole: what decides what a program loads depends on the program. */
function assertVariablesAllowed(names: readonly string[], allowed: readonly string[]): void {
  const bound = `must be one that the operator allows (${listOf(allowed)})`;
  const details = names
    .filter((name) => !allowed.some((pattern) => matchesPattern(name, pattern)))
    .map((name) => ({ path: `transport.env.${name}`, message: bound }));
  const [first] = details;
  if (first === undefined) return;
  throw new AppError("failed_precondition", `${first.path} ${bound}`, { reason: "variable_not_allowed", details });
}

/** Of parts between the stars each is looked for behind the one before. */
function matchesPattern(name: string, pattern: string): boolean {
  const parts = pattern.split("*");
  const [head = "", ...rest] = parts;
  const tail = rest.pop();
  if (tail === undefined) return name === pattern;
  if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false;
  let at = head.length;
  return rest.every((part) => {
    const found = name.indexOf(part, at);
    at = found + part.length;
    return found !== -1 && at <= name.length - tail.length;
  });
}

function listOf(allowed: readonly string[]): string {
  if (allowed.length === 0) return "none";
  const more = allowed.length - maxShown;
  return `${allowed.slice(0, maxShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

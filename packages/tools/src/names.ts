import { createHash } from "node:crypto";
import { qualifiedToolName } from "@devmesh/models";

/** What every client takes for a tool's name. */
const portableName = /^[A-Za-z0-9_-]{1,64}$/;
const maxNameLength = 64;
const hashLength = 8;

/**
 * The one name under which a server's tool is called: `server__tool`, of letters, digits, `_` and `-`, at most 64. A tool whose
 * own name doesn't fit has what doesn't replaced by `_`, is cut, and ends in `_` and 8 hex digits of its own name's SHA-256: the
 * same whatever else the server offers.
 */
export function toolCallName(server: string, tool: string): string {
  const plain = qualifiedToolName(server, tool);
  if (portableName.test(plain)) return plain;
  const hash = createHash("sha256").update(tool).digest("hex").slice(0, hashLength);
  const replaced = plain.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, maxNameLength - hashLength - 1);
  return `${replaced}_${hash}`;
}

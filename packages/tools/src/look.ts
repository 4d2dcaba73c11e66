import { AppError, type ToolCheck, toAppError, toErrorBody } from "@devmesh/models";
import type { Connections } from "./connections.ts";
import { orAborted, startDeadline } from "./deadline.ts";
import type { SchemaChecker, ToolListing, ToolServerStore, ToolTarget } from "./ports.ts";
import { readTools } from "./read-tools.ts";
import type { Seats } from "./seats.ts";

/** What a look at a server gave: the list where it answered. */
export interface ToolLook {
  readonly check: ToolCheck;
  readonly listing: ToolListing | undefined;
}

/** What looking stands on. */
export interface LookDeps {
  readonly connections: Connections;
  readonly seats: Seats;
  readonly schemas: SchemaChecker;
  readonly store: ToolServerStore;
  readonly known: Set<string>;
}

/** A list is an answer like any other; a first start may be slow. */
const maxLookMs = 60_000;
/** Schemas that are remembered to compile, by their hashes: a MiB. */
const maxKnown = 10_000;

/**
 * Asks a server for its list, reads it, and writes what came of it. A server that doesn't answer is `unhealthy`, with the
 * reason; the breaker is neither asked nor told.
 *
 * @throws AppError `cancelled` when the signal aborts; `resource_exhausted`, reason `busy`, where so many servers are in use
 * that this one can't be looked at, which is not its fault; and whatever the store throws.
 */
export async function lookAtServer(deps: LookDeps, target: ToolTarget, signal: AbortSignal): Promise<ToolLook> {
  const { server, tenantId } = target;
  const leave = await deps.seats.take({ tenantId, serverId: server.id }, signal);
  const beganAt = performance.now();
  const look = await askForList(deps, target, signal)
    .then(
      (listing) => ({ listing, error: undefined }),
      (caught: unknown) => ({ listing: undefined, error: toAppError(caught) }),
    )
    .finally(leave);
  if (signal.aborted) throw new AppError("cancelled", `the look at tool server ${server.name} was cancelled`);
  const latencyMs = Math.round(performance.now() - beganAt);
  const check: ToolCheck =
    look.error === undefined
      ? { state: "healthy", latencyMs }
      : { state: "unhealthy", latencyMs, error: toShort(look.error) };
  await deps.store.writeCheck({ tenantId, serverId: server.id, version: server.version }, check, look.listing);
  return { check, listing: look.listing };
}

async function askForList(deps: LookDeps, target: ToolTarget, signal: AbortSignal): Promise<ToolListing> {
  const { tenantId, server } = target;
  using deadline = startDeadline(`tool server ${server.name}`, Math.min(server.timeoutMs, maxLookMs));
  const ending = AbortSignal.any([signal, deadline.signal]);
  const listing = deps.connections.use(target, ending, (connection) => connection.listTools({ signal: ending }));
  const raw = await orAborted(listing, ending);
  if (deps.known.size > maxKnown) deps.known.clear();
  return readTools(raw, { server: server.name, schemas: deps.schemas, tenantId, known: deps.known });
}

function toShort(error: AppError): Required<ToolCheck>["error"] {
  const { code, reason, message } = toErrorBody(error);
  return { code, message, ...(reason !== undefined && { reason }) };
}

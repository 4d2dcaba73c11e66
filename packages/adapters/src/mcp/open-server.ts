import { AppError, type ToolSecrets, type ToolServerTransport, type ToolValue } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { ConnectOptions } from "./connect-client.ts";
import { createGuardedFetch, type GuardedFetchOptions } from "./http/guarded-fetch.ts";
import type { OpenedClient } from "./mcp-connection.ts";
import { openHttpClient, openStdioClient } from "./open-client.ts";
import type { Child } from "./stdio/child.ts";
import { findCommand } from "./stdio/find-command.ts";
import type { Programs } from "./stdio/programs.ts";

/** What all servers are opened with. */
export interface OpenServerDeps {
  readonly programs: Pick<Programs, "start">;
  readonly http: Omit<GuardedFetchOptions, "maxResponseBytes" | "maxSockets">;
  /** Of one message of a program, and of one answer over HTTP. */
  readonly maxMessageBytes: number;
  readonly logger: Logger;
}

/** Lines in a row that are no messages: what prints a banner is borne. */
const maxNoiseLines = 1_000;
/** What asks and tells ten thousand times and answers nothing is no server. */
const maxUnasked = 10_000;
const maxSockets = 128;

/** A server, and its secrets. */
interface Target<Kind extends ToolServerTransport["kind"] = ToolServerTransport["kind"]> {
  readonly transport: Extract<ToolServerTransport, { readonly kind: Kind }>;
  readonly secrets: ToolSecrets;
}

/**
 * Starts a program, or asks an address, and shakes hands.
 *
 * @throws AppError `failed_precondition`, reason `secret_missing`, and as `connectClient` does.
 */
export function openServer(
  deps: OpenServerDeps,
  { transport, secrets }: Target,
  terms: ConnectOptions,
): Promise<OpenedClient> {
  return transport.kind === "stdio"
    ? openStdio(deps, { transport, secrets }, terms)
    : openHttp(deps, { transport, secrets }, terms);
}

async function openStdio(
  { programs, maxMessageBytes, logger }: OpenServerDeps,
  { transport: { command, args, env }, secrets }: Target<"stdio">,
  terms: ConnectOptions,
): Promise<OpenedClient> {
  const program = {
    file: await findCommand(command),
    args,
    env: toValues(env, secrets),
    logger: logger.child({ toolServer: terms.server }),
    hide: terms.hide,
  };
  const start = (): Promise<Child> => programs.start(program);
  const limits = { maxMessageBytes, maxNoiseLines, maxUnasked };
  try {
    return await openStdioClient(start, limits, terms);
  } catch (error) {
    // some programs of the older generation end at a question that they don't know: they are started once more
    if (terms.isLegacy || terms.signal.aborted || !isCrash(error)) throw error;
    return openStdioClient(start, limits, { ...terms, isLegacy: true });
  }
}

async function openHttp(
  { http: rules, maxMessageBytes }: OpenServerDeps,
  { transport: { url, headers }, secrets }: Target<"http">,
  terms: ConnectOptions,
): Promise<OpenedClient> {
  const values = toValues(headers, secrets);
  const http = createGuardedFetch({ ...rules, maxResponseBytes: maxMessageBytes, maxSockets });
  return openHttpClient({ url, headers: values, http }, terms);
}

function isCrash(error: unknown): boolean {
  return error instanceof AppError && error.reason === "tool_crashed";
}

/** Variables or headers with their secrets in place. */
function toValues(values: Readonly<Record<string, ToolValue>>, secrets: ToolSecrets): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, string] => {
      const text = typeof value === "string" ? value : secrets.get(name);
      if (text !== undefined) return [name, text];
      throw new AppError("failed_precondition", `the secret ${name} was not given`, { reason: "secret_missing" });
    }),
  );
}

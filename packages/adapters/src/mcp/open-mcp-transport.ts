import { AppError, type ToolSecrets, type ToolServer, type ToolServerTransport, type ToolValue } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { ConnectOptions } from "./connect-client.ts";
import { hideSecrets } from "./hide-secrets.ts";
import { askNameServers, askSystem, type FindAddresses } from "./http/find-addresses.ts";
import { createGuardedFetch } from "./http/guarded-fetch.ts";
import { type McpConnection, mcpConnection, type OpenedClient } from "./mcp-connection.ts";
import { openHttpClient, openStdioClient } from "./open-client.ts";
import type { Child } from "./stdio/child.ts";
import { findCommand } from "./stdio/find-command.ts";
import { createPrograms } from "./stdio/programs.ts";
import { assertTransportAllowed, type TransportRules } from "./transport-rules.ts";

/** What may be started and called, and how. */
export interface McpTransportOptions extends TransportRules {
  readonly logger: Logger;
  /** What servers are told of us. Default 0. */
  readonly clientVersion?: string;
  /** Where the folders of programs are made. Default: the system's folder for temporary files. */
  readonly programsFolder?: string;
  /** Default: the system, where its network or this machine may be asked; else name servers alone. */
  readonly findAddresses?: FindAddresses;
  /** Of one message of a program, and of one answer over HTTP. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** How long a program may be silent to the question which generation of the protocol it is of. Default 10 s. */
  readonly probeTimeoutMs?: number;
}

/** The way to external MCP servers, over stdio and HTTP. Disposing ends every program that was started. */
export interface McpTransport extends AsyncDisposable {
  open(
    server: ToolServer,
    options: { readonly secrets: ToolSecrets; readonly signal: AbortSignal },
  ): Promise<McpConnection>;
}

/** Lines in a row that are no messages: what prints a banner is borne. */
const maxNoiseLines = 1_000;
/** What asks and tells ten thousand times and answers nothing is no server. */
const maxUnasked = 10_000;
const maxSockets = 128;
/** Servers that are known to be of the older generation. */
const maxKnownLegacy = 1_000;

type StdioServer = Extract<ToolServerTransport, { readonly kind: "stdio" }>;
type HttpServer = Extract<ToolServerTransport, { readonly kind: "http" }>;

/** Makes the transport; nothing is opened. */
export function openMcpTransport(options: McpTransportOptions): McpTransport {
  const { maxMessageBytes = 4_194_304, probeTimeoutMs = 10_000, clientVersion = "0" } = options;
  const legacy = new Set<string>();
  const open = new Set<OpenedClient>();
  const programs = createPrograms(options.programsFolder);
  const isLocal = options.allowPrivate || options.allowLoopback;
  const findAddresses = options.findAddresses ?? (isLocal ? askSystem() : askNameServers());

  async function openStdio(target: StdioServer, secrets: ToolSecrets, terms: ConnectOptions): Promise<OpenedClient> {
    const program = {
      file: await findCommand(target.command),
      args: target.args,
      env: toValues(target.env, secrets),
      logger: options.logger.child({ toolServer: terms.server }),
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

  function openHttp(target: HttpServer, secrets: ToolSecrets, terms: ConnectOptions): Promise<OpenedClient> {
    const http = createGuardedFetch({ ...options, findAddresses, maxResponseBytes: maxMessageBytes, maxSockets });
    return openHttpClient({ url: target.url, headers: toValues(target.headers, secrets), http }, terms);
  }

  function noteEra(key: string, { client }: OpenedClient): void {
    if (client.getProtocolEra() !== "legacy") return;
    if (legacy.size >= maxKnownLegacy) legacy.clear();
    legacy.add(key);
  }

  return {
    open: async ({ id, name, version, transport }, { secrets, signal }) => {
      assertTransportAllowed(transport, options);
      const key = `${id}/${version}`;
      const terms = {
        server: name,
        clientVersion,
        hide: hideSecrets(secrets),
        isLegacy: legacy.has(key),
        probeTimeoutMs,
        signal,
      };
      const opening =
        transport.kind === "stdio" ? openStdio(transport, secrets, terms) : openHttp(transport, secrets, terms);
      const opened = await opening.catch((error: unknown) => {
        // it may have become one of the newer generation meanwhile
        legacy.delete(key);
        throw error;
      });
      noteEra(key, opened);
      open.add(opened);
      const connection = mcpConnection({
        ...opened,
        close: async () => {
          open.delete(opened);
          await opened.close();
        },
      });
      return connection;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...open].map((opened) => opened.close()));
      open.clear();
      // those, too, that had not shaken hands yet
      await programs[Symbol.asyncDispose]();
    },
  };
}

function isCrash(error: unknown): boolean {
  return error instanceof AppError && error.reason === "tool_crashed";
}

/** Variables or headers with their secrets in place. @throws AppError `failed_precondition`, reason `secret_missing`. */
function toValues(values: Readonly<Record<string, ToolValue>>, secrets: ToolSecrets): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, string] => {
      const text = typeof value === "string" ? value : secrets.get(name);
      if (text !== undefined) return [name, text];
      throw new AppError("failed_precondition", `the secret ${name} was not given`, { reason: "secret_missing" });
    }),
  );
}

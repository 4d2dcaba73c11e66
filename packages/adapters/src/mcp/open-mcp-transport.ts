import type { ToolSecrets, ToolServer } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { hideSecrets } from "./hide-secrets.ts";
import { askNameServers, askSystem, type FindAddresses } from "./http/find-addresses.ts";
import { type McpConnection, mcpConnection, type OpenedClient } from "./mcp-connection.ts";
import { openServer } from "./open-server.ts";
import { createPrograms } from "./stdio/programs.ts";
import { assertTransportAllowed, type TransportRules } from "./transport-rules.ts";

/** What may be started and called, and how. */
export interface McpTransportOptions extends TransportRules {
  readonly logger: Logger;
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

/** Servers that are known to be of the older generation. */
const maxKnownLegacy = 1_000;

/** Makes the transport; nothing is opened. */
export function openMcpTransport(options: McpTransportOptions): McpTransport {
  const { maxMessageBytes = 4_194_304, probeTimeoutMs = 10_000, logger } = options;
  const open = new Set<OpenedClient>();
  const eras = createEras();
  const programs = createPrograms(options.programsFolder);
  const isLocal = options.allowPrivate || options.allowLoopback;
  const findAddresses = options.findAddresses ?? (isLocal ? askSystem() : askNameServers());
  const deps = { programs, http: { ...options, findAddresses }, maxMessageBytes, logger };

  return {
    open: async ({ id, name, version, transport }, { secrets, signal }) => {
      assertTransportAllowed(transport, options);
      const key = `${id}/${version}`;
      const isLegacy = eras.isLegacy(key);
      const terms = { server: name, hide: hideSecrets(secrets), isLegacy, probeTimeoutMs, signal };
      const opened = await openServer(deps, { transport, secrets }, terms).catch((error: unknown) => {
        // it may have become one of the newer generation meanwhile
        eras.forget(key);
        throw error;
      });
      eras.note(key, opened);
      open.add(opened);
      return mcpConnection({
        ...opened,
        close: async () => {
          open.delete(opened);
          await opened.close();
        },
      });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...open].map((opened) => opened.close()));
      open.clear();
      // those, too, that had not shaken hands yet
      await programs[Symbol.asyncDispose]();
    },
  };
}

/** Which servers are known to be of the older generation, and need not be asked. */
interface Eras {
  isLegacy(key: string): boolean;
  note(key: string, opened: OpenedClient): void;
  forget(key: string): void;
}

function createEras(): Eras {
  const legacy = new Set<string>();
  return {
    isLegacy: (key) => legacy.has(key),
    note(key, { client }) {
      if (client.getProtocolEra() !== "legacy") return;
      if (legacy.size >= maxKnownLegacy) legacy.clear();
      legacy.add(key);
    },
    forget: (key) => void legacy.delete(key),
  };
}

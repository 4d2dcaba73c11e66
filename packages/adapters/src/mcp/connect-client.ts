import { AppError } from "@devmesh/models";
import { Client, type Transport } from "@modelcontextprotocol/client";
import type { HideSecrets } from "./hide-secrets.ts";
import type { OpenedClient } from "./mcp-connection.ts";
import { toMcpError } from "./mcp-error.ts";

/** How a client is connected. */
export interface ConnectOptions {
  /** Named in errors. */
  readonly server: string;
  readonly hide: HideSecrets;
  /** Without asking for the newer generation first: what is known to be old need not be asked. */
  readonly isLegacy: boolean;
  /** How long a program may be silent to the question which generation it is of. */
  readonly probeTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the client can't know of its transport. */
export interface TransportEnds {
  /** Why it is over, once it is. */
  failure(): AppError | undefined;
  close(): Promise<void>;
}

/** The handshake's own limit is the caller's signal. */
const noTimeoutMs = 2_147_483_647;

/**
 * Shakes hands. The client offers nothing: a server that asks for a model, a person or files is refused, and what it says of
 * how it wants to be used is not read. Where it fails, the transport is closed.
 *
 * @throws AppError as `toMcpError` makes them
 */
export async function connectClient(
  transport: Transport,
  ends: TransportEnds,
  options: ConnectOptions,
): Promise<OpenedClient> {
  const { server, hide, isLegacy, probeTimeoutMs, signal } = options;
  const client = new Client(
    { name: "devmesh", version: "0" },
    {
      capabilities: {},
      inputRequired: { autoFulfill: false },
      // nothing of a server's is compiled on this thread
      jsonSchemaValidator: {
        getValidator: () => (data) => ({ valid: true, data: data as never, errorMessage: undefined }),
      },
      versionNegotiation: isLegacy ? { mode: "legacy" } : { mode: "auto", probe: { timeoutMs: probeTimeoutMs } },
    },
  );
  // what can't be told to a call is told by the failure of the connection
  client.onerror = () => undefined;
  let failure: AppError | undefined;
  const stop = (): void => void ends.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect(transport, { timeout: noTimeoutMs });
    signal.throwIfAborted();
  } catch (caught) {
    await ends.close();
    throw toMcpError(caught, { server, hide, isCancelled: signal.aborted, failure: ends.failure() });
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return {
    client,
    server,
    hide,
    failure: () => failure ?? ends.failure(),
    giveUp: (error) => {
      failure ??= error;
    },
    close: async () => {
      failure ??= new AppError("unavailable", `the connection to tool server ${server} was closed`, {
        reason: "tool_crashed",
      });
      await ends.close();
      await client.close();
    },
  };
}

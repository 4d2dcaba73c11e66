import type { AgentKind, AgentRegistration, Capability } from "@devmesh/models";
import type { AgentEvent } from "./agent-event.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Addresses, createAddresses } from "./link/addresses.ts";

/** Where the mesh is, and who connects to it. */
export interface ConnectOptions {
  /** The MCP server's socket, such as `ws://127.0.0.1:8081/ws`, or those of several: on a loss the next one's turn comes. */
  readonly url: string | readonly string[];
  /** An API key or a JWT with the scope `agents:connect`. */
  readonly apiKey: string;
  /** Unique within the tenant: a newer connection of the same name replaces the older. */
  readonly name: string;
  /** Empty for a program that submits only. `level` is 1 where it is not given. */
  readonly capabilities: readonly (Omit<Capability, "level"> & { readonly level?: number })[];
  /** How many handlers may work at once, 1 to 1,000. Default 1. */
  readonly maxConcurrency?: number;
  readonly kind?: AgentKind;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** How long a request of the user's may wait for its reply, reconnects included. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** How long handlers may go on after `close`, `leave` or the signal, before theirs is aborted. Default 5 s. */
  readonly graceMs?: number;
  /** Hears of connects, losses and recorded results: for logs. What it throws becomes a warning of the process. */
  readonly onEvent?: (event: AgentEvent) => void;
  /** For tests. */
  readonly clock?: Clock;
  /** In [0, 1). For tests. */
  readonly random?: () => number;
  /** Aborting it is `close`; before the first connect it makes `connectAgent` reject. */
  readonly signal?: AbortSignal;
}

export interface AgentSettings {
  readonly addresses: Addresses;
  readonly apiKey: string;
  readonly registration: AgentRegistration;
  readonly requestTimeoutMs: number;
  readonly graceMs: number;
  readonly report: (event: AgentEvent) => void;
  readonly clock: Clock;
  readonly random: () => number;
}

export function toSettings(options: ConnectOptions): AgentSettings {
  return {
    addresses: createAddresses(options.url, options.random ?? Math.random),
    apiKey: options.apiKey,
    registration: {
      name: options.name,
      kind: options.kind ?? "worker",
      capabilities: options.capabilities.map((capability) => ({ ...capability, level: capability.level ?? 1 })),
      maxConcurrency: options.maxConcurrency ?? 1,
      ...(options.metadata !== undefined && { metadata: options.metadata }),
    },
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    graceMs: options.graceMs ?? 5_000,
    report: guard(options.onEvent),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

/** A log that fails ends neither the connection nor a handler. */
function guard(onEvent: ConnectOptions["onEvent"]): AgentSettings["report"] {
  return (event) => {
    try {
      onEvent?.(event);
    } catch (error) {
      process.emitWarning(`onEvent failed: ${String(error)}`, { type: "DevmeshWarning" });
    }
  };
}

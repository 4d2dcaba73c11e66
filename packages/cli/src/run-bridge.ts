import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { type Bridge, createBridge } from "./bridge/bridge.ts";
import type { BridgeOptions } from "./bridge/options.ts";
import { announceChannel } from "./channel/announce-channel.ts";
import { createToolCaller } from "./channel/call-tool.ts";
import { pushInbox } from "./channel/push-inbox.ts";
import { pause } from "./pause.ts";

/** The client's side. */
export interface Stdio {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** One line for whoever looks after the client: stdout is the protocol's. */
  readonly report: (text: string) => void;
}

/** Calls that the mesh is told of the end of a session wait for so long. */
const farewellMs = 2_000;
/** With these a client begins; it is not yet ready for more. */
const openings: ReadonlySet<string> = new Set(["initialize", "server/discover", "ping"]);

/** Passes messages until the client closes its side or `signal` aborts; then the session with the mesh is ended. */
export async function runBridge(options: BridgeOptions, stdio: Stdio, signal: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const requestInit = { headers: { authorization: `Bearer ${options.apiKey}` } };
  const mesh = new StreamableHTTPClientTransport(options.url, { requestInit });
  const client = new StdioServerTransport(stdio.stdin, stdio.stdout);
  const bridge = createBridge({
    client,
    mesh,
    url: options.url,
    rewrite: options.channelAgent === undefined ? (message) => message : announceChannel,
    pause: (attempt) => pause(attempt, ending.signal),
    report: stdio.report,
  });
  const ready = passMessages({ client, mesh, bridge, report: stdio.report });
  const closed = new Promise<void>((resolve) => {
    client.onclose = resolve;
  });
  await mesh.start();
  await client.start();
  const channel = runChannel(options, { client, requestInit, ready, report: stdio.report }, ending.signal);
  await Promise.race([closed, ...(signal.aborted ? [] : [once(signal, "abort", { signal: ending.signal })])]);
  ending.abort();
  await channel;
  await endSession(mesh);
  await mesh.close();
  await client.close();
}

interface Sides {
  readonly client: StdioServerTransport;
  readonly mesh: StreamableHTTPClientTransport;
  readonly bridge: Bridge;
  readonly report: Stdio["report"];
}

/** Resolves when the client may be pushed something: it has asked for more than how to begin. */
function passMessages({ client, mesh, bridge, report }: Sides): Promise<void> {
  client.onerror = (error) => report(`malformed message of the client: ${inOneLine(error.message)}`);
  mesh.onmessage = (message) => bridge.fromMesh(message);
  return new Promise((resolve) => {
    client.onmessage = (message: JSONRPCMessage) => {
      if ("method" in message && !openings.has(message.method)) resolve();
      bridge.fromClient(message);
    };
  });
}

/** What is wrong with a message may be said in hundreds of lines. */
function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}

interface Channel {
  readonly client: StdioServerTransport;
  readonly requestInit: RequestInit;
  readonly ready: Promise<void>;
  readonly report: Stdio["report"];
}

async function runChannel(
  { url, channelAgent: agent }: BridgeOptions,
  { client, requestInit, ready, report }: Channel,
  signal: AbortSignal,
): Promise<void> {
  if (agent === undefined) return;
  await Promise.race([ready, once(signal, "abort")]);
  if (signal.aborted) return;
  await using tools = createToolCaller(url, requestInit);
  const push = (message: JSONRPCMessage): Promise<void> => client.send(message);
  await pushInbox({ agent, callTool: tools.call, push, pause, report }, signal);
}

/** The mesh ends idle sessions by itself: a farewell that does not arrive costs nothing. */
async function endSession(mesh: StreamableHTTPClientTransport): Promise<void> {
  const ended = new AbortController();
  const late = sleep(farewellMs, undefined, { signal: ended.signal });
  await Promise.race([mesh.terminateSession(), late]).catch(() => undefined);
  ended.abort();
  await late.catch(() => undefined);
}

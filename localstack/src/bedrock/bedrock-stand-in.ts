import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { AppError } from "@devmesh/models";
import { createFaults, type Fault, type Faults } from "./faults.ts";
import { minCachedTokensOf } from "./models/claude-models.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { serveStream } from "./serve-stream.ts";
import { createTally, type Tally } from "./tally.ts";

/** Bedrock Runtime in this process, over HTTP/2 with prior knowledge. */
export interface BedrockStandIn extends AsyncDisposable {
  readonly endpoint: string;
  readonly port: number;
  /** What goes wrong. */
  readonly faults: Faults;
  /** What was asked. */
  readonly calls: Tally;
}

/** Where it listens, and what goes wrong from the start. */
export interface BedrockStandInOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  readonly faults?: readonly Fault[];
  /** Default `Date.now`. */
  readonly now?: () => number;
}

/** What `openBedrock` signs with where an endpoint is named. It opens nothing but this stand-in, whose check is whole with it. */
const knownKey = { accessKeyId: "devmesh-stand-in", secretAccessKey: "devmesh-stand-in" };
/** Of one connection. Judgement: more than a bulkhead lets through for each of the models. */
const maxConcurrentStreams = 256;
/** Judgement: answers in hand end well within it, and stalls at once. */
const closeMs = 1_000;

/** Starts it. @throws AppError `failed_precondition` when the port can't be had. */
export async function startBedrockStandIn(options: BedrockStandInOptions): Promise<BedrockStandIn> {
  const { port, host = "127.0.0.1", now = Date.now } = options;
  const faults = createFaults(now);
  for (const fault of options.faults ?? []) faults.add(fault);
  const calls = createTally();
  const ending = new AbortController();
  const cache = createPromptCache(minCachedTokensOf, now);
  const server = createServer({ settings: { maxConcurrentStreams } });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // Its streams tell; without a listener it would end this process.
    session.on("error", () => undefined);
  });
  server.on("stream", (stream, headers) => {
    void serveStream(stream, headers, { cache, knownKey, now, faults, tally: calls, signal: ending.signal });
  });
  const address = await listen(server, { port, host });
  return {
    endpoint: `http://${host}:${address.port}`,
    port: address.port,
    faults,
    calls,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await close(server, sessions);
    },
  };
}

async function listen(
  server: Http2Server,
  where: { readonly port: number; readonly host: string },
): Promise<AddressInfo> {
  try {
    server.listen(where);
    await once(server, "listening");
    return server.address() as AddressInfo;
  } catch (cause) {
    throw new AppError("failed_precondition", `port ${where.port} can't be listened on`, { cause });
  }
}

/** Lets what is in hand be answered; what then still is open is cut. */
async function close(server: Http2Server, sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
  }, closeMs);
  await closed;
  clearTimeout(timer);
}

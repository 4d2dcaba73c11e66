import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Transform, type TransformCallback } from "node:stream";
import { findFreePort } from "@devmesh/testing";

/** Looks at what a server sends on one connection; false: the connection ends before this chunk is forwarded. */
export type Inspect = (chunk: Buffer) => boolean;

/** Where to, and who looks at what comes back. */
export interface TcpProxyOptions {
  readonly targetPort: number;
  /** Called once a connection. */
  readonly inspect?: () => Inspect;
}

/** A stretch of network on the loopback, that can break and hang. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Ends all connections, and every new one at once, until {@link heal}. */
  cut(): void;
  /** Forwards nothing either way and ends nothing, until {@link heal}: what is sent meanwhile arrives then. */
  stall(): void;
  heal(): void;
}

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** Opens a proxy on a free port of 127.0.0.1. */
export async function openTcpProxy({ targetPort, inspect }: TcpProxyOptions): Promise<TcpProxy> {
  const links = new Set<Link>();
  let isCut = false;
  let flow: PromiseWithResolvers<void> | undefined;

  const gate = (isWelcome: Inspect, end: () => void): Transform =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done: TransformCallback) => {
        const pass = (): void => {
          const isForwarded = isWelcome(chunk);
          if (!isForwarded) end();
          done(null, isForwarded ? chunk : undefined);
        };
        if (flow === undefined) pass();
        else void flow.promise.then(pass);
      },
    });

  const server = createServer({ noDelay: true }, (client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    const link = { client, upstream };
    links.add(link);
    const end = (): void => {
      links.delete(link);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end);
    // what the server said last, such as why it ends, still arrives
    upstream.on("close", () => client.destroySoon());
    client.on("close", end);
    client.pipe(gate(() => true, end)).pipe(upstream);
    upstream.pipe(gate(inspect?.() ?? (() => true), end)).pipe(client);
  });
  const port = await findFreePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  const endAll = (): void => {
    for (const { client, upstream } of links) {
      client.destroy();
      upstream.destroy();
    }
    links.clear();
  };
  const heal = (): void => {
    isCut = false;
    flow?.resolve();
    flow = undefined;
  };
  return {
    port,
    cut: () => {
      isCut = true;
      endAll();
    },
    stall: () => {
      flow ??= Promise.withResolvers();
    },
    heal,
    [Symbol.asyncDispose]: async () => {
      heal();
      endAll();
      server.close();
      await once(server, "close");
    },
  };
}

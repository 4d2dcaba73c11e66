import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Passes everything on with a key: for clients that can't be told of one. */
export interface KeyProxy extends AsyncDisposable {
  readonly url: string;
}

export async function startKeyProxy(target: string, apiKey: string): Promise<KeyProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, answer) => {
    const { url: path, method, headers } = incoming;
    const passed = request({
      host: hostname,
      port,
      path,
      method,
      headers: { ...headers, authorization: `Bearer ${apiKey}` },
    });
    passed.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    // who goes away here is gone there, too
    answer.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { serveHttp } from "./serve-http.ts";

const base = { port: 0, portVariable: "DEVMESH_REST_PORT" };
const ok = (): Response => new Response("ok");

async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(text);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

function request(port: number, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", agent }, resolve).on("error", reject);
  });
}

describe("serveHttp", () => {
  it("serves on the port that it says", async () => {
    await using http = await serveHttp({ ...base, fetch: ok });
    expect(http.port).toBeGreaterThan(0);
    expect(await (await fetch(`http://127.0.0.1:${http.port}/`)).text()).toBe("ok");
  });

  it("names the port and its variable when the port is in use", async () => {
    await using first = await serveHttp({ ...base, fetch: ok });
    await expect(serveHttp({ ...base, fetch: ok, port: first.port })).rejects.toMatchObject({
      code: "failed_precondition",
      reason: "port_in_use",
      message: `port ${first.port} is in use: set DEVMESH_REST_PORT to another port`,
    });
  });

  it("says so too when the address can't be had", async () => {
    await expect(serveHttp({ ...base, fetch: ok, hostname: "192.0.2.1" })).rejects.toMatchObject({
      code: "failed_precondition",
      message: expect.stringContaining("EADDRNOTAVAIL"),
    });
  });

  it("finishes responses in hand, accepts no more, and may be disposed twice", async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<Response>();
    const http = await serveHttp({
      ...base,
      fetch: () => {
        entered.resolve();
        return release.promise;
      },
    });
    const agent = new Agent({ keepAlive: true });
    const answering = request(http.port, agent);
    await entered.promise;
    const closing = Promise.all([http[Symbol.asyncDispose](), http[Symbol.asyncDispose]()]);
    await expect(fetch(`http://127.0.0.1:${http.port}/`)).rejects.toThrow();
    release.resolve(new Response("done"));
    const answer = await answering;
    expect(await answer.toArray().then((chunks) => chunks.join(""))).toBe("done");
    await closing;
    agent.destroy();
  });

  it("cuts off no client that sends one request after the other", async () => {
    const http = await serveHttp({ ...base, fetch: ok });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const connections = [(await request(http.port, agent)).resume().headers.connection];
    const closing = http[Symbol.asyncDispose]();
    // on the connection that there is: no other is accepted any more
    connections.push((await request(http.port, agent)).resume().headers.connection);
    await closing;
    expect(connections).toEqual(["keep-alive", "close"]);
    agent.destroy();
  });

  it("closes idle keep-alive connections after a moment", async () => {
    const http = await serveHttp({ ...base, fetch: ok });
    const agent = new Agent({ keepAlive: true });
    (await request(http.port, agent)).resume();
    await http[Symbol.asyncDispose]();
    agent.destroy();
  });

  it("cuts off what outlasts the grace, upgraded sockets included", async () => {
    const http = await serveHttp({ ...base, fetch: () => new Promise<Response>(() => {}), graceMs: 1 });
    http.server.on("upgrade", (_, socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    const upgraded = connect(http.port, "127.0.0.1");
    upgraded.write("GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    await once(upgraded, "data");
    const hanging = connect(http.port, "127.0.0.1");
    hanging.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(http.server, "request");
    const closed = Promise.all([once(upgraded, "close"), once(hanging, "close")]);
    await http[Symbol.asyncDispose]();
    await closed;
  });

  it.each([
    ["400", "invalid_argument", "NONSENSE\r\n\r\n"],
    ["400", "invalid_argument", "GET / HTTP/1.1\r\nhost: a b c\r\nconnection: close\r\n\r\n"],
    ["400", "invalid_argument", "GET / HTTP/1.1\r\nconnection: close\r\n\r\n"],
    ["405", "invalid_argument", "CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n"],
    ["417", "invalid_argument", "POST / HTTP/1.1\r\nhost: x\r\nexpect: foo\r\n\r\n"],
    ["431", "resource_exhausted", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`],
  ])("answers %s %s in the API's shape to what no handler sees", async (status, code, text) => {
    await using http = await serveHttp({ ...base, fetch: ok });
    const answer = await sendRaw(http.port, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(
      JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4).replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, "")),
    ).toMatchObject({
      error: { code, requestId: expect.any(String) },
    });
    expect(await (await fetch(`http://127.0.0.1:${http.port}/`)).text()).toBe("ok");
  });
});

import { AppError } from "@devmesh/models";
import { checkLeaks, waitFor } from "@devmesh/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyAnswer } from "./kit/any-answer.ts";
import { openGateway, serverOf, textOf } from "./kit/gateway.ts";
import { type ReceivedCall, serveTools } from "./kit/http-server.ts";

checkLeaks();

const text = (said: string) => ({ content: [{ type: "text", text: said }] });
const httpServer = (url: string, headers = {}) => serverOf({ kind: "http", url, headers });

describe("an address as a tool server", () => {
  it.each(["modern", "legacy"] as const)("is called in its own generation: %s", async (era) => {
    await using http = await serveTools(era, ({ message, answer }) =>
      answer(text(JSON.stringify(message.params?.arguments))),
    );
    const kit = openGateway();
    const server = httpServer(http.url);
    expect(textOf(await kit.call(server, "echo", { arguments: { a: 1 } }))).toBe('{"a":1}');
    const { check, listing } = await kit.gateway.refresh({ tenantId: server.id as never, server }, live());
    expect([check.state, listing?.tools.map(({ name }) => name)]).toEqual(["healthy", ["echo"]]);
    await kit[Symbol.asyncDispose]();
    const handshake =
      era === "modern" ? ["server/discover"] : ["server/discover", "initialize", "notifications/initialized"];
    expect(http.seen).toEqual([...handshake, "tools/call", "tools/list", ...(era === "legacy" ? ["DELETE"] : [])]);
  });

  it("may be a name", async () => {
    await using http = await serveTools("modern", ({ answer }) => answer(text("found")));
    await using kit = openGateway();
    expect(textOf(await kit.call(httpServer(`http://localhost:${http.port}/mcp`), "echo"))).toBe("found");
    const unknown = kit.call(httpServer("http://no-such-host.invalid/mcp"), "echo");
    await expect(unknown).rejects.toMatchObject({
      ...{ code: "unavailable", reason: "tool_unreachable" },
      message: expect.stringContaining("the address of tool server no-such-host.invalid can't be looked up: E"),
    });
  });

  it("gets the headers of its registration, secrets among them, and no cookie or proxy of ours", async () => {
    await using http = await serveTools("modern", ({ request, answer }) =>
      answer(text(JSON.stringify(request.headers))),
    );
    await using kit = openGateway({ secrets: new Map([["Authorization", "Bearer s3cret"]]) });
    const server = httpServer(http.url, { Authorization: { isSecret: true }, "X-Plain": "1" });
    const headers = JSON.parse(textOf(await kit.call(server, "echo"))) as Readonly<Record<string, string>>;
    expect(headers).toMatchObject({
      authorization: "Bearer s3cret",
      "x-plain": "1",
      "mcp-method": "tools/call",
      "mcp-name": "echo",
    });
    expect(JSON.stringify(kit.records)).not.toContain("s3cret");
  });

  it("may answer as a stream of events", async () => {
    await using http = await serveTools("modern", ({ message, response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const result = { resultType: "complete", ...text("streamed") };
      response.end(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result })}\n\n`);
    });
    await using kit = openGateway();
    expect(textOf(await kit.call(httpServer(http.url), "echo"))).toBe("streamed");
  });

  it("that lost the session of the older generation gets a new one with the next call", async () => {
    let calls = 0;
    await using http = await serveTools("legacy", ({ response, answer }) => {
      calls += 1;
      if (calls === 2) response.writeHead(404).end();
      else answer(text("ok"));
    });
    await using kit = openGateway();
    const server = httpServer(http.url);
    await kit.call(server, "echo");
    await expect(kit.call(server, "echo")).rejects.toMatchObject({ code: "unavailable", reason: "tool_unreachable" });
    expect(textOf(await kit.call(server, "echo"))).toBe("ok");
    expect(http.seen.filter((method) => method === "initialize")).toHaveLength(2);
  });
});

describe("a bad address", () => {
  const bad: [what: string, code: string, reason: string | undefined, onCall: (call: ReceivedCall) => void][] = [
    [
      "an error of its own",
      "unavailable",
      "tool_unreachable",
      ({ response }) => void response.writeHead(500).end("boom"),
    ],
    [
      "a redirect",
      "unavailable",
      "tool_unreachable",
      ({ response }) => void response.writeHead(307, { location: "http://169.254.169.254/" }).end(),
    ],
    [
      "a refusal of our credentials",
      "failed_precondition",
      "tool_unauthorized",
      ({ response }) => void response.writeHead(401).end(),
    ],
    [
      "a page",
      "unavailable",
      "bad_answer",
      ({ response }) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
    ],
    [
      "half of some JSON",
      "unavailable",
      "bad_answer",
      ({ response }) => void response.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc"'),
    ],
    [
      "JSON that is no answer",
      "unavailable",
      "bad_answer",
      ({ response }) => void response.writeHead(200, { "content-type": "application/json" }).end('{"a":1}'),
    ],
    ["an empty list", "unavailable", "bad_answer", ({ response }) => json(response, [])],
    [
      "the answer of another call",
      "unavailable",
      "bad_answer",
      ({ response }) => json(response, { jsonrpc: "2.0", id: 999, result: { content: [] } }),
    ],
    ["nothing, at once", "unavailable", "bad_answer", ({ response }) => void response.writeHead(202).end()],
    [
      "events that are none",
      "unavailable",
      "bad_answer",
      ({ response }) =>
        void response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {nonsense\n\n"),
    ],
    ["a result that is none", "unavailable", "bad_answer", ({ answer }) => answer({ content: "x" })],
    [
      "an end in the middle",
      "unavailable",
      "tool_crashed",
      ({ response }) =>
        void response.writeHead(200, { "content-type": "text/event-stream" }).write("data:", () => response.destroy()),
    ],
    ["a closed connection", "unavailable", "tool_unreachable", ({ response }) => void response.destroy()],
    [
      "a status that is none",
      "unavailable",
      "tool_unreachable",
      ({ response }) => void response.writeHead(999).end("x"),
    ],
    ["a change of protocol", "unavailable", "tool_unreachable", ({ response }) => void response.writeHead(101).end()],
    ["no content", "unavailable", "bad_answer", ({ response }) => void response.writeHead(204).end()],
    [
      "a type that is none",
      "unavailable",
      "bad_answer",
      ({ response }) => void response.writeHead(200, { "content-type": "\u00ff;;=" }).end("{}"),
    ],
    ["nothing", "deadline_exceeded", undefined, () => undefined],
    [
      "more than is read",
      "resource_exhausted",
      "output_too_large",
      ({ answer }) => answer(text("x".repeat(5_000_000))),
    ],
    ["events without an end", "resource_exhausted", "output_too_large", flood],
  ];

  it.each(bad)("that answers with %s gets %s, and serves the next call", async (_, code, reason, onCall) => {
    let calls = 0;
    await using http = await serveTools("modern", (call) => {
      calls += 1;
      if (calls === 1) onCall(call);
      else call.answer(text("fine"));
    });
    await using kit = openGateway();
    const server = httpServer(http.url);
    const timeoutMs = code === "deadline_exceeded" ? 1_000 : server.timeoutMs;
    await expect(kit.call({ ...server, timeoutMs }, "echo")).rejects.toMatchObject({ code, reason });
    expect(kit.records).toMatchObject([{ outcome: code, ...(reason !== undefined && { reason }) }]);
    expect(textOf(await kit.call(server, "echo"))).toBe("fine");
  });

  it("that answers anything at all gets a stated error, or gave a result", async () => {
    const answers: unknown[] = [];
    await using http = await serveTools("modern", ({ message, response }) => {
      const body = JSON.stringify(answers.at(-1))?.replaceAll('"$id"', JSON.stringify(message.id)) ?? "";
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    });
    await using kit = openGateway({ minCalls: 1_000 });
    await fc.assert(
      fc.asyncProperty(anyAnswer, async (answer) => {
        answers.push(answer);
        const server = httpServer(http.url);
        const outcome = await kit.call(server, "echo").catch((error: unknown) => error);
        if (outcome instanceof AppError)
          expect(["unavailable", "invalid_argument", "failed_precondition"]).toContain(outcome.code);
        else expect(outcome).toMatchObject({ content: expect.any(Array), isError: expect.any(Boolean) });
        await kit.gateway.forget(server.id);
      }),
      { numRuns: 60 },
    );
  });

  it.each(["modern", "legacy"] as const)("that hangs at the handshake is given up after its time: %s", async (era) => {
    await using http = await serveTools(
      era,
      () => undefined,
      ({ message }) => ["initialize", ...(era === "modern" ? ["server/discover"] : [])].includes(message.method),
    );
    await using kit = openGateway({ limits: { openTimeoutMs: 300 } });
    await expect(kit.call(httpServer(http.url), "echo")).rejects.toMatchObject({ code: "deadline_exceeded" });
  });

  it("whose name changes its mind is asked at no address that is not allowed", async () => {
    await using http = await serveTools(
      "modern",
      ({ response, answer }) => {
        // each call has a connection of its own, and asks for the name again
        response.setHeader("connection", "close");
        answer(text("here"));
      },
      ({ response }) => {
        response.setHeader("connection", "close");
        return false;
      },
    );
    const here = { address: "127.0.0.1", family: 4 };
    const metadata = { address: "169.254.169.254", family: 4 };
    const answers = [[here], [here], [metadata], [metadata, here]];
    const asked: string[] = [];
    const findAddresses = async (name: string) => {
      asked.push(name);
      return answers[asked.length - 1] ?? [];
    };
    await using kit = openGateway({ transport: { findAddresses } });
    const server = httpServer(`http://rebind.example:${http.port}/mcp`);
    expect(textOf(await kit.call(server, "echo"))).toBe("here");
    await expect(kit.call(server, "echo")).rejects.toMatchObject({ reason: "address_not_allowed" });
    expect(textOf(await kit.call(server, "echo"))).toBe("here");
    expect(asked).toEqual(Array(4).fill("rebind.example"));
    expect(http.seen.filter((method) => method === "tools/call")).toHaveLength(2);
  });

  it("that sends the handshake elsewhere is not followed there", async () => {
    await using elsewhere = await serveTools("modern", ({ answer }) => answer(text("caught")));
    await using http = await serveTools(
      "modern",
      () => undefined,
      ({ response }) => {
        response.writeHead(307, { location: elsewhere.url }).end();
        return true;
      },
    );
    await using kit = openGateway();
    await expect(kit.call(httpServer(http.url), "echo")).rejects.toMatchObject({ reason: "tool_unreachable" });
    expect(elsewhere.seen).toEqual([]);
  });

  it("that hangs when it is asked for its tools, or tells too much of them, is left there", async () => {
    const description = "x".repeat(300_000);
    const tools = Array.from({ length: 10 }, (_, at) => ({
      name: `t${at}`,
      inputSchema: { type: "object", description },
    }));
    const more = { nextCursor: "more", ttlMs: 0, cacheScope: "private" };
    await using fat = await serveTools(
      "modern",
      () => undefined,
      ({ message, answer }) => {
        if (message.method === "tools/list") answer({ tools, ...more });
        return message.method === "tools/list";
      },
    );
    await using hung = await serveTools(
      "modern",
      () => undefined,
      ({ message }) => message.method === "tools/list",
    );
    await using kit = openGateway();
    const look = (url: string, timeoutMs: number) =>
      kit.gateway.refresh({ tenantId: "t" as never, server: { ...httpServer(url), timeoutMs } }, live());
    expect((await look(fat.url, 30_000)).listing?.tools).toEqual([]);
    expect(fat.seen.filter((method) => method === "tools/list").length).toBeLessThan(5);
    expect((await look(hung.url, 300)).check).toMatchObject({ error: { code: "deadline_exceeded" } });
  });

  it("that is given up is not listened to any more", async () => {
    let closed = 0;
    await using http = await serveTools("legacy", ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      response.on("close", () => {
        closed += 1;
      });
    });
    await using kit = openGateway();
    const stop = new AbortController();
    const call = kit.call(httpServer(http.url), "echo", { signal: stop.signal });
    await waitFor(() => http.seen.includes("tools/call"));
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
    await waitFor(() => closed === 1);
  });

  it("that nobody listens at is unreachable", async () => {
    await using http = await serveTools("modern", () => undefined);
    await http[Symbol.asyncDispose]();
    await using kit = openGateway();
    await expect(kit.call(httpServer(http.url), "echo")).rejects.toMatchObject({ reason: "tool_unreachable" });
  });

  it.each([
    ["http://169.254.169.254/latest", {}],
    ["http://[::ffff:169.254.169.254]/", { allowPrivate: true }],
    ["http://100.100.100.200/", { allowPrivate: true }],
    ["http://0.0.0.0:1/", {}],
    ["http://0x7f.1/", { allowLoopback: false }],
    ["http://localhost:1/", { allowLoopback: false, allowPrivate: true }],
    ["http://10.0.0.1/", {}],
    ["http://[fd00::1]/", {}],
    ["http://127.0.0.1/", { allowHttp: false }],
  ])("is not called where it must not be: %s", async (url, transport) => {
    await using kit = openGateway({ transport });
    await expect(kit.call(httpServer(url), "echo")).rejects.toMatchObject({
      code: "failed_precondition",
      reason: "address_not_allowed",
    });
  });
});

function json(response: ReceivedCall["response"], body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function flood({ response }: ReceivedCall): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const line = `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { data: "x".repeat(60_000) } })}\n\n`;
  const write = (): void => {
    while (!response.destroyed && response.write(line));
    response.once("drain", write);
  };
  write();
}

function live() {
  return { signal: new AbortController().signal };
}

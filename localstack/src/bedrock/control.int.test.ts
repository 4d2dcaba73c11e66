import { type ClientHttp2Session, connect } from "node:http2";
import { fileURLToPath } from "node:url";
import { openBedrock } from "@devmesh/adapters";
import { findFreePort, startProcess } from "@devmesh/testing";
import { describe, expect, it, vi } from "vitest";
import { startBedrockStandIn } from "./bedrock-stand-in.ts";

const titan = "amazon.titan-embed-text-v2:0";
const eventually = { timeout: 30_000, interval: 5 };
const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const { signal } = new AbortController();

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(endpoint: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const session: ClientHttp2Session = connect(endpoint);
  const stream = session.request({ ":method": method, ":path": path });
  stream.end(body === undefined ? undefined : JSON.stringify(body));
  const status = new Promise<number>((resolve, reject) => {
    stream.once("response", (headers) => resolve(Number(headers[":status"])));
    session.once("error", reject);
    stream.once("error", reject);
  });
  const answered = await status;
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  session.close();
  return { status: answered, body: JSON.parse(text) as Record<string, unknown> };
}

describe("the stand-in's own paths", () => {
  it("order faults, list and take them back, and tell what was asked", async () => {
    await using standIn = await startBedrockStandIn({ port: 0, faults: [{ kind: "stall", ms: 1, times: 1 }] });
    await using bedrock = openBedrock({ regions: ["us-east-1"], endpoint: standIn.endpoint });
    const call = () => bedrock.transports[0]?.invoke(titan, { inputText: "lanes" }, { signal });
    const { endpoint } = standIn;
    await call();
    const faults = [{ kind: "throttle", modelId: titan, times: 2, retryAfterMs: 10 }];
    const ordered = await ask(endpoint, "POST", "/_stand-in/faults", { faults });
    expect(ordered).toEqual({ status: 200, body: { faults: [{ ...faults[0], rate: 1 }] } });
    await expect(call()).rejects.toMatchObject({ reason: "throttled", retryAfterMs: 10 });
    expect(await ask(endpoint, "GET", "/_stand-in/faults")).toEqual(ordered);
    expect(await ask(endpoint, "DELETE", "/_stand-in/faults")).toEqual({ status: 200, body: {} });
    await call();
    const calls = (await ask(endpoint, "GET", "/_stand-in/calls")).body["models"];
    expect(calls).toMatchObject({ [titan]: { calls: 3, answered: 1, faulted: 2, inFlight: 0 } });
    await ask(endpoint, "DELETE", "/_stand-in/calls");
    expect(standIn.calls.of(titan).calls).toBe(0);
    expect(await ask(endpoint, "GET", "/_stand-in/health")).toEqual({ status: 200, body: { status: "ok" } });
  });

  it.each([
    ["POST", "/_stand-in/faults", { faults: [{ kind: "explode" }] }, 400],
    ["POST", "/_stand-in/faults", { faults: [{ kind: "stall" }] }, 400],
    ["POST", "/_stand-in/faults", { faults: [{ kind: "cut", colour: "red" }] }, 400],
    ["POST", "/_stand-in/faults", undefined, 400],
    ["GET", "/_stand-in/secrets", undefined, 404],
    ["GET", "/model/x/invoke", undefined, 404],
    ["POST", "/model/x/explode", {}, 404],
    ["POST", "/model/%E0/invoke", {}, 403],
  ])("refuse %s %s with %j", async (method, path, body, status) => {
    await using standIn = await startBedrockStandIn({ port: 0 });
    expect((await ask(standIn.endpoint, method, path, body)).status).toBe(status);
  });

  it("refuse a body that is too large", async () => {
    await using standIn = await startBedrockStandIn({ port: 0 });
    expect((await ask(standIn.endpoint, "POST", "/model/x/invoke", "x".repeat(25_000_001))).status).toBe(413);
  });
});

describe("the stand-in's end", () => {
  it("ends what stalls at once, and its port is free again", async () => {
    const standIn = await startBedrockStandIn({ port: 0, faults: [{ kind: "stall", ms: 60_000 }] });
    await using bedrock = openBedrock({ regions: ["us-east-1"], endpoint: standIn.endpoint });
    const call = bedrock.transports[0]?.invoke(titan, { inputText: "lanes" }, { signal });
    call?.catch(() => undefined);
    await vi.waitFor(() => expect(standIn.calls.of(titan).inFlight).toBe(1), eventually);
    await standIn[Symbol.asyncDispose]();
    await standIn[Symbol.asyncDispose]();
    await Promise.allSettled([call]);
    await using again = await startBedrockStandIn({ port: standIn.port });
    expect(again.port).toBe(standIn.port);
    await expect(startBedrockStandIn({ port: again.port })).rejects.toMatchObject({ code: "failed_precondition" });
  });

  it("is noticed by who calls it, and so is its return", async () => {
    const first = await startBedrockStandIn({ port: 0 });
    await using bedrock = openBedrock({ regions: ["us-east-1"], endpoint: first.endpoint });
    const call = () => bedrock.transports[0]?.invoke(titan, { inputText: "lanes" }, { signal });
    await call();
    await first[Symbol.asyncDispose]();
    await expect(call()).rejects.toMatchObject({ code: "unavailable" });
    await using second = await startBedrockStandIn({ port: first.port });
    await call();
    expect(second.calls.of(titan).answered).toBe(1);
  });

  it("comes for a process of its own with SIGTERM", async () => {
    const port = await findFreePort();
    const flags = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"];
    await using standIn = await startProcess(process.execPath, [...flags, main, "--port", String(port)], {});
    await standIn.waitForLine(new RegExp(`listens on http://127.0.0.1:${port}`));
    expect((await ask(`http://127.0.0.1:${port}`, "GET", "/_stand-in/health")).status).toBe(200);
    expect(await standIn.stop()).toEqual({ code: 0, signal: null });
  });
});

import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { openBedrock } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";
import { envReader, readModelsEnv, toModelsConfig } from "@devmesh/runtime";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock-stand-in.ts";

const titan = "amazon.titan-embed-text-v2:0";
const known = "devmesh-stand-in";

let standIn: BedrockStandIn;
beforeAll(async () => {
  standIn = await startBedrockStandIn({ port: 0 });
});
afterAll(() => standIn[Symbol.asyncDispose]());
afterEach(() => void vi.unstubAllEnvs());

/** Sets the environment as AWS users do, and nothing of ours. The SDK reads that of the process. */
function setEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL"]) {
    vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
}

/** Reads the configuration as a service does, and opens Bedrock; what would go to AWS is led to the stand-in. */
async function invokeAsConfigured(): Promise<{ readonly hosts: string[]; readonly error: AppError | undefined }> {
  const reader = envReader(process.env);
  const models = toModelsConfig(readModelsEnv(reader));
  reader.done();
  expect(models).toMatchObject({ provider: "bedrock", endpoint: undefined });
  const hosts: string[] = [];
  await using bedrock = openBedrock({
    ...models,
    connect: ({ href }) => {
      hosts.push(href);
      return connectTcp(standIn.port, "127.0.0.1");
    },
  });
  const { signal } = new AbortController();
  for (const transport of bedrock.transports) {
    const error = await transport.invoke(titan, { inputText: "lanes" }, { signal }).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    if (error !== undefined) return { hosts, error: error instanceof AppError ? error : new AppError("internal", "x") };
  }
  return { hosts, error: undefined };
}

describe("with credentials and a region, and nothing else", () => {
  it("calls go to that region's host over HTTP/2, signed as AWS wants it", async () => {
    setEnvironment({ AWS_ACCESS_KEY_ID: known, AWS_SECRET_ACCESS_KEY: known, AWS_REGION: "eu-central-1" });
    standIn.calls.reset();
    const { hosts, error } = await invokeAsConfigured();
    expect(error).toBeUndefined();
    expect(hosts).toEqual(["https://bedrock-runtime.eu-central-1.amazonaws.com/"]);
    expect(standIn.calls.of(titan).answered).toBe(1);
  });

  it("calls go to the hosts of all regions that are named", async () => {
    setEnvironment({
      AWS_ACCESS_KEY_ID: known,
      AWS_SECRET_ACCESS_KEY: known,
      DEVMESH_BEDROCK_REGIONS: "us-west-2,us-east-1",
    });
    const { hosts, error } = await invokeAsConfigured();
    expect(error).toBeUndefined();
    expect(hosts.map((host) => host.split(".")[1])).toEqual(["us-west-2", "us-east-1"]);
  });

  it("a wrong secret is found out, since the whole of the signature is checked", async () => {
    setEnvironment({ AWS_ACCESS_KEY_ID: known, AWS_SECRET_ACCESS_KEY: "another", AWS_REGION: "us-east-1" });
    expect((await invokeAsConfigured()).error).toMatchObject({ code: "permission_denied" });
  });
});

describe("what is not signed as it should be", () => {
  let session: ClientHttp2Session;
  beforeAll(() => {
    session = connectHttp2(standIn.endpoint);
  });
  afterAll(() => session.close());

  const path = "/model/amazon.titan-embed-text-v2%3A0/invoke";
  const date = (ms = Date.now()): string => `${new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  const authorize = (more: { scope?: string; signed?: string; signature?: string } = {}): string => {
    const { scope = "us-east-1/bedrock", signed = "host;x-amz-date", signature = "0".repeat(64) } = more;
    const credential = `AKIDEXAMPLE/${date().slice(0, 8)}/${scope}/aws4_request`;
    return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`;
  };

  async function send(headers: Record<string, string>): Promise<{ status: number; name: string }> {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.end('{"inputText":"lanes"}');
    const answer = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    stream.resume();
    return { status: Number(answer[":status"]), name: String(answer["x-amzn-errortype"]).split(":")[0] ?? "" };
  }

  it("another key is let in where the form is right: only AWS could check more", async () => {
    expect(await send({ authorization: authorize(), "x-amz-date": date() })).toMatchObject({ status: 200 });
  });

  it.each([
    ["no signature", {}, "MissingAuthenticationTokenException"],
    ["another scheme", { authorization: "Bearer x" }, "IncompleteSignatureException"],
    ["no hex", { authorization: authorize({ signature: "z".repeat(64) }) }, "IncompleteSignatureException"],
    ["another service", { authorization: authorize({ scope: "us-east-1/s3" }) }, "InvalidSignatureException"],
    ["the host not signed", { authorization: authorize({ signed: "x-amz-date" }) }, "InvalidSignatureException"],
    ["the date not signed", { authorization: authorize({ signed: "host" }) }, "InvalidSignatureException"],
    ["a date of no form", { authorization: authorize(), "x-amz-date": "today" }, "IncompleteSignatureException"],
    ["an old day", { authorization: authorize(), "x-amz-date": "20200101T000000Z" }, "IncompleteSignatureException"],
    [
      "another body",
      { authorization: authorize(), "x-amz-content-sha256": "0".repeat(64) },
      "InvalidSignatureException",
    ],
  ])("%s is 403 with its name", async (_, headers, name) => {
    expect(await send({ "x-amz-date": date(), ...headers })).toEqual({ status: 403, name });
  });

  it("a clock that is off by more than 5 minutes is 403", async () => {
    await using late = await startBedrockStandIn({ port: 0, now: () => Date.now() + 6 * 60_000 });
    await using bedrock = openBedrock({ regions: ["us-east-1"], endpoint: late.endpoint });
    const { signal } = new AbortController();
    const call = bedrock.transports[0]?.invoke(titan, { inputText: "x" }, { signal });
    await expect(call).rejects.toMatchObject({ code: "permission_denied" });
  });
});

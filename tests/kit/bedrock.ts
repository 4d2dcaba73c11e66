import { once } from "node:events";
import { connect } from "node:http2";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { findFreePort, startProcess } from "@devmesh/testing";

const main = fileURLToPath(new URL("../../localstack/src/bedrock/main.ts", import.meta.url));

/** Bedrock's stand-in as a process of its own. */
export interface BedrockProcess extends AsyncDisposable {
  readonly endpoint: string;
  /** Puts faults in place of those that are in force. */
  setFaults(faults: readonly object[]): Promise<void>;
}

export async function startBedrock(): Promise<BedrockProcess> {
  const port = await findFreePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const started = await startProcess(process.execPath, ["--conditions=devmesh-source", main, "--port", String(port)]);
  await started.waitForLine(/listens on/);
  return {
    endpoint,
    async setFaults(faults) {
      await order(endpoint, "DELETE");
      if (faults.length > 0) await order(endpoint, "POST", JSON.stringify({ faults }));
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

async function order(endpoint: string, method: string, body?: string): Promise<void> {
  const session = connect(endpoint);
  try {
    const stream = session.request({ ":method": method, ":path": "/_stand-in/faults" });
    stream.end(body);
    const [headers] = (await once(stream, "response")) as [Readonly<Record<string, unknown>>];
    const answer = await text(stream);
    if (headers[":status"] !== 200) throw new Error(`the stand-in answered ${String(headers[":status"])}: ${answer}`);
  } finally {
    session.close();
  }
}

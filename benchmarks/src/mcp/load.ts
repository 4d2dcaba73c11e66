import { Agent, request } from "node:http";
import type { McpRequest } from "./requests.ts";

/** What a server did for a while. */
export interface Load {
  readonly perSecond: number;
  /** Of each request, in milliseconds. */
  readonly latencies: readonly number[];
}

/** Sends requests in turn, again and again, over so many connections that stay open, each when the one before is answered. */
export async function load(
  url: string,
  asked: readonly McpRequest[],
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  let next = 0;
  const begunAt = performance.now();
  const endsAt = begunAt + seconds * 1_000;
  const loop = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const sentAt = performance.now();
      await send(url, asked[next++ % asked.length] as McpRequest, agent);
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  agent.destroy();
  return { perSecond: (latencies.length * 1_000) / (performance.now() - begunAt), latencies };
}

/** @throws Error for what is no result, or the result of a tool that failed: only answers count. */
export async function send(url: string, { headers, body }: McpRequest, agent: Agent): Promise<unknown> {
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(`${url}/mcp`, { method: "POST", agent, headers }, (response) => {
      let received = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        received += chunk;
      });
      response.on("end", () => resolve(received));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
  const answer = JSON.parse(text) as { readonly result?: { readonly isError?: boolean } };
  if (answer.result === undefined || answer.result.isError === true) throw new Error(`refused: ${text.slice(0, 500)}`);
  return answer.result;
}

import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "@devmesh/testing";

/** How badly SQS behaves; shares are between 0 and 1. */
export interface QueueMoods {
  /** Answered 500 or 503, and not carried out. */
  readonly refused: number;
  /** Carried out, and the answer lost. */
  readonly unanswered: number;
  /** Carried out twice; sent messages come twice then. */
  readonly doubled: number;
  /** Deletes that are answered and not carried out: the message comes again. */
  readonly undeleted: number;
  /** Each request is held back up to so long, so that they overtake one another. */
  readonly maxDelayMs: number;
}

/** SQS as it is on a good day. */
export const calm: QueueMoods = { refused: 0, unanswered: 0, doubled: 0, undeleted: 0, maxDelayMs: 0 };

/** An HTTP proxy before the stand-in for SQS. */
export interface QueueProxy extends AsyncDisposable {
  readonly port: number;
  /** How it behaves from now on; messages of one answer are shuffled unless it is {@link calm}. */
  behave(moods: QueueMoods, random: () => number): void;
  /** Requests that were not answered as SQS answered them. */
  readonly faults: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Opens the proxy on a free port; calm at first. */
export async function openQueueProxy(targetPort: number): Promise<QueueProxy> {
  let moods = calm;
  let random = (): number => 0;
  let faults = 0;
  const port = await findFreePort();
  const is = (share: number): boolean => {
    const happens = random() < share;
    if (happens) faults++;
    return happens;
  };

  async function forward(incoming: IncomingMessage, body: Buffer, signal: AbortSignal): Promise<Answer> {
    const outgoing = request({
      port: targetPort,
      host: "127.0.0.1",
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      signal,
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const text = (await readAll(response)).toString();
    // the queue's URL names the stand-in's own port, and clients would go there
    const named = text.replaceAll(`:${targetPort}/`, `:${port}/`);
    return { status: response.statusCode ?? 500, headers: response.headers, body: named };
  }

  async function misbehave(incoming: IncomingMessage, body: Buffer, signal: AbortSignal): Promise<Answer | undefined> {
    const { refused, unanswered, doubled, undeleted, maxDelayMs } = moods;
    await delay(random() * maxDelayMs);
    if (is(refused)) return refusal(random() < 0.5 ? 500 : 503);
    const operation = String(incoming.headers["x-amz-target"]);
    if (operation.includes("Delete") && is(undeleted)) return deletedAll(body);
    if (is(doubled)) await forward(incoming, body, signal);
    const answer = await forward(incoming, body, signal);
    if (is(unanswered)) return undefined;
    return operation.endsWith("ReceiveMessage") ? shuffled(answer, random) : answer;
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    const body = await readAll(incoming);
    const answer = await (moods === calm ? forward : misbehave)(incoming, body, gone.signal);
    if (answer === undefined) {
      outgoing.destroy();
      return;
    }
    const { "content-length": _, "transfer-encoding": __, ...headers } = answer.headers;
    outgoing.writeHead(answer.status, headers).end(answer.body);
  }

  const server = createServer((incoming, outgoing) => {
    // the client or the stand-in went away
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(port);
  await once(server, "listening");
  return {
    port,
    behave: (next, by) => {
      moods = next;
      random = by;
    },
    get faults() {
      return faults;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function refusal(status: number): Answer {
  const headers = { "content-type": "application/x-amz-json-1.0" };
  return { status, headers, body: JSON.stringify({ __type: "InternalFailure", message: "try again" }) };
}

function deletedAll(body: Buffer): Answer {
  const { Entries = [] } = JSON.parse(body.toString() || "{}") as { Entries?: readonly { Id: string }[] };
  const headers = { "content-type": "application/x-amz-json-1.0" };
  return { status: 200, headers, body: JSON.stringify({ Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] }) };
}

function shuffled(answer: Answer, random: () => number): Answer {
  const { Messages, ...rest } = JSON.parse(answer.body || "{}") as { Messages?: readonly unknown[] };
  if (Messages === undefined) return answer;
  const keyed = Messages.map((message) => ({ message, key: random() })).sort((a, b) => a.key - b.key);
  return { ...answer, body: JSON.stringify({ ...rest, Messages: keyed.map(({ message }) => message) }) };
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

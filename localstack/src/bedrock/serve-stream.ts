import { randomUUID } from "node:crypto";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { sleep } from "@devmesh/runtime";
import { type AnswerOptions, answerCall, type Call, type CallAnswer, parseCall } from "./answer-call.ts";
import { control, controlPrefix } from "./control.ts";
import type { Faults, OrderedFault } from "./faults.ts";
import { readRequest } from "./read-request.ts";
import { refusal, toRefused } from "./refusal.ts";
import type { Tally } from "./tally.ts";

/** What all streams share. */
export interface ServeOptions extends AnswerOptions {
  readonly faults: Faults;
  readonly tally: Tally;
  /** Aborts when the stand-in ends: what stalls then ends at once. */
  readonly signal: AbortSignal;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Answers one request. Never rejects: what goes wrong is an answer, and who has gone gets none. */
export async function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: ServeOptions,
): Promise<void> {
  // A client that goes away, or breaks off, is its own affair.
  stream.on("error", () => undefined);
  const method = headers[":method"] ?? "";
  const path = headers[":path"] ?? "";
  const call = parseCall(method, path);
  try {
    const body = await readRequest(stream);
    if (call !== undefined) return await serveCall(call, { stream, request: { method, path, headers, body }, options });
    if (!path.startsWith(controlPrefix)) throw refusal("UnknownOperationException", `there is no ${method} ${path}`);
    reply(stream, toReply(control({ method, path, body }, options)));
  } catch (error) {
    reply(stream, toErrorReply(error));
  }
}

async function serveCall(
  call: Call,
  {
    stream,
    request,
    options,
  }: { stream: ServerHttp2Stream; request: Parameters<typeof answerCall>[1]; options: ServeOptions },
): Promise<void> {
  const { tally, faults } = options;
  const { modelId } = call;
  const gone = goneSignal(stream);
  tally.add(modelId, { calls: 1, inFlight: 1 });
  try {
    const fault = faults.next(modelId);
    if (fault !== undefined) tally.add(modelId, { faulted: 1 });
    await befall(fault, AbortSignal.any([options.signal, gone]));
    const answer = answerCall(call, request, options);
    if (fault?.kind === "cut") return cut(stream, toCallReply(answer));
    if (fault === undefined) tally.add(modelId, { answered: 1, texts: answer.texts, tokens: answer.tokens });
    reply(stream, toCallReply(answer));
  } catch (error) {
    if (!(error instanceof OrderedError)) tally.add(modelId, { refused: 1 });
    reply(stream, toErrorReply(error instanceof OrderedError ? error.cause : error), retryAfterOf(error));
  } finally {
    tally.add(modelId, { inFlight: -1 });
  }
}

/** Aborts when the client has gone, or has its answer. */
function goneSignal(stream: ServerHttp2Stream): AbortSignal {
  const gone = new AbortController();
  stream.once("close", () => gone.abort());
  return gone.signal;
}

/** What was ordered, told from what the call itself is refused for. */
class OrderedError extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(cause: Error, retryAfterMs?: number) {
    super(cause.message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

async function befall(fault: OrderedFault | undefined, signal: AbortSignal): Promise<void> {
  if (fault?.kind === "stall") await sleep(fault.ms, signal);
  if (fault?.kind === "fail") throw new OrderedError(refusal(fault.error, "as it was ordered"));
  if (fault?.kind === "throttle") {
    const error = refusal("ThrottlingException", "Too many requests, please wait before trying again.");
    throw new OrderedError(error, fault.retryAfterMs);
  }
}

function retryAfterOf(error: unknown): Readonly<Record<string, string>> {
  const ms = error instanceof OrderedError ? error.retryAfterMs : undefined;
  return ms === undefined ? {} : { "retry-after": String(ms / 1_000) };
}

function toCallReply({ body, headerTokens }: CallAnswer): Reply {
  const { status, headers, text } = toReply(body);
  if (headerTokens === undefined) return { status, headers, text };
  const tokens = String(headerTokens);
  return { status, headers: { ...headers, "x-amzn-bedrock-input-token-count": tokens }, text };
}

function toReply(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, text: JSON.stringify(body) };
}

function toErrorReply(error: unknown): Reply {
  const { status, name, message } = toRefused(error);
  return toReply({ message }, status, {
    "x-amzn-errortype": `${name}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
  });
}

function reply(stream: ServerHttp2Stream, { status, headers, text }: Reply, more: Reply["headers"] = {}): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({ ...headersOf(status), ...headers, ...more });
  stream.end(text);
}

/** The head, half of the body, and no more. */
function cut(stream: ServerHttp2Stream, { status, headers, text }: Reply): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ...headersOf(status), ...headers });
  stream.write(text.slice(0, Math.ceil(text.length / 2)), () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
}

function headersOf(status: number): Record<string, string | number> {
  return { ":status": status, "content-type": "application/json", "x-amzn-requestid": randomUUID() };
}

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { AppError, type ErrorCode, errorCodes } from "@devmesh/models";
import { MAX_MESSAGE_BYTES, subprotocol } from "@devmesh/protocol";
import { WebSocket } from "ws";

/** Most of a refusal's body that is read. */
const maxRefusalBytes = 65_536;

export interface OpenSocketOptions {
  readonly url: string;
  readonly apiKey: string;
  /** Called with every chunk that arrives, before it makes a message. */
  readonly onBytes: () => void;
  readonly signal: AbortSignal;
}

/**
 * Opens the WebSocket, without permessage-deflate. It emits messages from the next turn on.
 *
 * @throws AppError `unauthenticated` and `permission_denied` as the upgrade was refused, `invalid_argument` for what is
 * no WebSocket URL, `unavailable` for everything that may go better another time.
 */
export function openSocket({ url, apiKey, onBytes, signal }: OpenSocketOptions): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(url, apiKey);
    const abort = (): void => socket.terminate();
    const fail = (error: AppError): void => {
      signal.removeEventListener("abort", abort);
      reject(error);
    };
    socket.once("upgrade", (response: IncomingMessage & { readonly socket: Socket }) => {
      response.socket.on("data", onBytes);
    });
    socket.once("open", () => {
      signal.removeEventListener("abort", abort);
      resolve(socket);
    });
    socket.once("unexpected-response", (_request, response) => {
      readRefusal(response)
        .then(fail, fail)
        .finally(() => socket.terminate());
    });
    // stays for the socket's life: an error without a listener would end the process, and `close` follows
    socket.on("error", (cause) => fail(new AppError("unavailable", `can't connect: ${cause.message}`, { cause })));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
}

function createSocket(url: string, apiKey: string): WebSocket {
  try {
    return new WebSocket(url, subprotocol, {
      headers: { authorization: `Bearer ${apiKey}` },
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    });
  } catch (cause) {
    throw new AppError("invalid_argument", `${JSON.stringify(url)} is no websocket url`, { cause });
  }
}

/** The JSON error body of the REST API, where there is one; the status decides the code. */
async function readRefusal(response: IncomingMessage): Promise<AppError> {
  const status = response.statusCode ?? 0;
  const body = await readBody(response);
  const code = toErrorCode(status, body.code);
  const message = typeof body.message === "string" ? body.message : "no further word";
  return new AppError(code, `the upgrade was refused with ${status}: ${message}`, {
    reason: typeof body.reason === "string" ? body.reason : undefined,
    retryAfterMs: typeof body.retryAfterMs === "number" ? body.retryAfterMs : readRetryAfterMs(response),
  });
}

/** A proxy's word, in whole seconds; its other form, a date, is passed over: it depends on two clocks. */
function readRetryAfterMs({ headers }: IncomingMessage): number | undefined {
  const seconds = headers["retry-after"];
  return seconds !== undefined && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1_000 : undefined;
}

type RefusalBody = Readonly<Partial<Record<"code" | "reason" | "message" | "retryAfterMs", unknown>>>;

async function readBody(response: IncomingMessage): Promise<RefusalBody> {
  try {
    let text = "";
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > maxRefusalBytes) return {};
    }
    const parsed: unknown = JSON.parse(text);
    const error = typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : undefined;
    return typeof error === "object" && error !== null ? error : {};
  } catch {
    // a proxy's page: the status says enough
    return {};
  }
}

function toErrorCode(status: number, sent: unknown): ErrorCode {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "permission_denied";
  if (status === 429) return "resource_exhausted";
  // others may be a proxy's passing word, so that none of them stops the agent for good
  const code = errorCodes.find((known) => known === sent);
  return code === "internal" || code === "deadline_exceeded" ? code : "unavailable";
}

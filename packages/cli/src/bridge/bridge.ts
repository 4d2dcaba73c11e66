import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import { createInFlight, type InFlight } from "./in-flight.ts";
import { cancelledId, isAnswer, isRequest, type JSONRPCRequestMessage, revisionOf } from "./messages.ts";
import { describeFailure, isSessionLost, toErrorAnswer } from "./refusal.ts";
import { createSession, type Session } from "./session.ts";

/** The two sides of a bridge, and who hears of what is of no request. */
export interface BridgeDeps {
  /** The side of the client. */
  readonly client: Pick<Transport, "send">;
  /** The side of the mesh. */
  readonly mesh: Pick<StreamableHTTPClientTransport, "send" | "setProtocolVersion">;
  readonly url: URL;
  /** What the client is given instead of what the mesh sent. */
  readonly rewrite: (message: JSONRPCMessage) => JSONRPCMessage;
  /** Waits before a lost subscription is asked for again; rejects when the bridge ends. */
  readonly pause: (attempt: number) => Promise<void>;
  readonly report: (text: string) => void;
}

/** Passes messages between a client on stdio and the mesh, each as it is. */
export interface Bridge {
  /** A message of the client. */
  fromClient(message: JSONRPCMessage): void;
  /** A message of the mesh. */
  fromMesh(message: JSONRPCMessage): void;
}

interface Passing extends BridgeDeps {
  readonly inFlight: InFlight;
  readonly session: Session;
}

/** Makes the bridge; its caller hands it what comes from both sides. */
export function createBridge(deps: BridgeDeps): Bridge {
  const passing: Passing = { ...deps, inFlight: createInFlight(), session: createSession(deps.mesh) };
  return {
    fromClient(message) {
      passing.session.noteSent(message);
      if (isRequest(message)) void passRequest(passing, message);
      else void passOther(passing, message);
    },
    fromMesh(message) {
      if (passing.session.noteReceived(message)) return;
      if (isAnswer(message) && message.id !== undefined) passing.inFlight.end(message.id);
      void tell(passing, deps.rewrite(message));
    },
  };
}

async function passRequest(passing: Passing, request: JSONRPCRequestMessage, attempt = 0): Promise<void> {
  const { mesh, inFlight, url } = passing;
  const requestSignal = inFlight.begin(request);
  const onRequestStreamEnd = (): void => void passLost(passing, request, attempt);
  try {
    await sendInSession(passing, () => mesh.send(request, { requestSignal, onRequestStreamEnd }), request);
  } catch (error) {
    if (requestSignal.aborted || inFlight.end(request.id) === undefined) return;
    await tell(passing, toErrorAnswer(request, error, url));
  }
}

/** The stream ended without an answer: a subscription is asked for again, anything else has failed. */
async function passLost(passing: Passing, request: JSONRPCRequestMessage, attempt: number): Promise<void> {
  const { inFlight, url } = passing;
  if (inFlight.find(request.id) !== request) return;
  if (request.method !== "subscriptions/listen") {
    inFlight.end(request.id);
    await tell(passing, toErrorAnswer(request, new Error("the connection ended before the answer"), url));
    return;
  }
  const ended = await passing.pause(attempt).then(
    () => false,
    () => true,
  );
  if (!ended && inFlight.find(request.id) === request) await passRequest(passing, request, attempt + 1);
}

async function passOther(passing: Passing, message: JSONRPCMessage): Promise<void> {
  const { mesh, inFlight, url, report } = passing;
  const id = cancelledId(message);
  // the newer generation cancels by closing the response; the older one tells, and its answer may come all the same
  if (id !== undefined && isModern(passing, id)) {
    inFlight.cancel(id);
    return;
  }
  try {
    await sendInSession(passing, () => mesh.send(message), message);
  } catch (error) {
    report(describeFailure(error, url));
  }
}

function isModern({ inFlight }: Passing, id: string | number): boolean {
  const request = inFlight.find(id);
  return request !== undefined && revisionOf(request) !== undefined;
}

async function sendInSession({ session }: Passing, send: () => Promise<void>, message: JSONRPCMessage): Promise<void> {
  try {
    await send();
  } catch (error) {
    const mayRenew = isSessionLost(error) && revisionOf(message) === undefined && !isOpening(message);
    if (!mayRenew || !(await session.renew())) throw error;
    await send();
  }
}

function isOpening(message: JSONRPCMessage): boolean {
  return "method" in message && message.method === "initialize";
}

async function tell({ client, report }: Passing, message: JSONRPCMessage): Promise<void> {
  try {
    await client.send(message);
  } catch (error) {
    report(`the client could not be told: ${error instanceof Error ? error.message : String(error)}`);
  }
}

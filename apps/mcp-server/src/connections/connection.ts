import type { Duplex } from "node:stream";
import type { Principal } from "@devmesh/auth";
import { AppError, type ConnectionId, type TenantId, toAppError, toErrorBody } from "@devmesh/models";
import {
  type CloseCode,
  closeCodes,
  encodeFrame,
  encodeMessage,
  type Frame,
  type MessageName,
  type PayloadInput,
} from "@devmesh/protocol";
import type { AssignmentOrder } from "../handlers/assignment-order.ts";
import { maxInFlight, maxInFlightBytes } from "../limits.ts";
import type { ConnectionState } from "./connection-state.ts";
import { Inbound } from "./inbound.ts";
import { Outbound } from "./outbound.ts";
import type { ConnectionFields, Traffic } from "./traffic.ts";

/** The part of a `ws` socket that a connection uses. */
export interface MessageSocket {
  send(data: Uint8Array, options: { binary: true; compress: false }, done: (error?: Error) => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** What a connection tells its server. One object for all connections. */
export interface ConnectionEvents {
  readonly onFrame: (connection: Connection, frame: Frame) => void;
  /** It is over: the closing handshake begins, or the socket is gone already. Called once. */
  readonly onOver: (connection: Connection, code: number, reason: string) => void;
  readonly onSlow: (connection: Connection, isSlow: boolean) => void;
  readonly requestFlush: (outbound: Outbound) => void;
  readonly traffic: Traffic;
}

export interface ConnectionOptions {
  readonly id: ConnectionId;
  readonly principal: Principal;
  /** As presented, to be checked again while the connection lives. */
  readonly credential: string;
  readonly socket: MessageSocket;
  /** Below the WebSocket: its count of bytes is the sign of life. */
  readonly stream: Duplex & { readonly bytesRead?: number };
  readonly openedAt: number;
  readonly events: ConnectionEvents;
}

/** The life of one socket. */
export class Connection {
  readonly id: ConnectionId;
  readonly tenantId: TenantId;
  readonly credential: string;
  readonly openedAt: number;
  principal: Principal;
  state: ConnectionState = { kind: "new" };
  /** Nothing that waits for the agent leaves before WELCOME. */
  wasWelcomed = false;
  /** Of the frames that carry `seq`: the last one sent, and the last one acknowledged. */
  sentSeq = 0;
  ackedSeq = 0;
  /** Kept by heartbeat.ts. */
  lastHeardAt: number;
  heardBytes = 0;
  pings = 0;
  /** Kept by touch.ts: bytes when it was last noted that the connection lives. */
  touchedBytes = 0;
  /** Kept by delivery.ts. */
  isReading = false;
  /** Words about assignments that are under way; made with the first. */
  assignmentOrder: AssignmentOrder | undefined;
  /** The last change of subscriptions: the next one waits for it. */
  subscribing: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #inFlightBytes = 0;
  #isPaused = false;
  readonly #socket: MessageSocket;
  readonly #stream: ConnectionOptions["stream"];
  readonly #events: ConnectionEvents;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.principal = options.principal;
    this.tenantId = options.principal.tenantId;
    this.credential = options.credential;
    this.openedAt = options.openedAt;
    this.lastHeardAt = options.openedAt;
    this.#socket = options.socket;
    this.#stream = options.stream;
    this.#events = options.events;
    this.#outbound = this.#createOutbound();
    this.#inbound = this.#createInbound();
  }

  get isClosed(): boolean {
    return this.state.kind === "closed";
  }

  get isSlow(): boolean {
    return this.#outbound.isSlow;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Bytes that the client has sent so far, in whatever form. */
  get receivedBytes(): number {
    return this.#stream.bytesRead ?? 0;
  }

  /** For the log. */
  get fields(): ConnectionFields {
    const { state } = this;
    return {
      connectionId: this.id,
      tenantId: this.tenantId,
      ...("agentName" in state && { agentName: state.agentName }),
      ...(state.kind === "registered" && { agentId: state.agentId }),
    };
  }

  /** A message of the client has arrived. */
  receive(data: Uint8Array, isBinary: boolean): void {
    if (this.isClosed) return;
    this.#events.traffic.receivedBytes(data.byteLength);
    if (isBinary) this.#inbound.push(data);
    else this.close(closeCodes.textMessage, "text message");
  }

  /** @throws AppError `resource_exhausted`, reason `payload_too_large`, for a frame that no receiver would take. */
  send<Name extends MessageName>(name: Name, payload: PayloadInput<Name>): void {
    this.sendFrame(encodeMessage(name, payload));
  }

  sendFrame(frame: Frame): void {
    this.#outbound.send(frame);
  }

  /** Answers with ERROR: to the request `re`, or to nothing in particular. */
  sendError(error: AppError, { re, type }: { readonly re?: string | undefined; readonly type?: number } = {}): void {
    this.#events.traffic.refused(this.fields, error, type);
    const { details, ...body } = toErrorBody(error);
    const shown = Array.isArray(details) ? details.slice(0, maxErrorDetails) : details;
    this.send("ERROR", { ...(re !== undefined && { re }), ...body, ...(shown !== undefined && { details: shown }) });
  }

  /** Ends the connection because of what the client sent: ERROR, then the close code that belongs to it. */
  fault(caught: unknown): void {
    if (this.isClosed) return;
    const error = toAppError(caught);
    this.sendError(error);
    this.close(faultCode(error), error.code);
  }

  /**
   * Ends the connection over what `ws` itself has found to be wrong and is about to close for: ERROR goes out at once,
   * before its close frame.
   */
  faultOfTransport(code: 1002 | 1009): void {
    if (this.isClosed) return;
    const error = transportError(code);
    this.#events.traffic.refused(this.fields, error);
    this.#socket.send(encodeFrame(encodeMessage("ERROR", toErrorBody(error))), sendOptions, ignore);
    this.#over(code, error.code);
  }

  /** Ends the connection: what was sent before still leaves, then the socket is closed. */
  close(code: CloseCode, reason: string): void {
    if (this.isClosed) return;
    this.#outbound.end(() => this.#socket.close(code, reason));
    this.#over(code, reason);
  }

  /** The socket is gone. */
  gone(code: number): void {
    if (!this.isClosed) this.#over(code, "socket closed");
  }

  /** Cuts the socket off, whatever is still to be sent. */
  terminate(): void {
    this.#socket.terminate();
    this.gone(1006);
  }

  /** @throws AppError `resource_exhausted` when too many requests of this connection are not answered yet. */
  beginRequest(bytes: number): void {
    if (this.#inFlight >= maxInFlight) {
      const message = `${this.#inFlight} requests are not answered yet, the limit is ${maxInFlight}`;
      throw new AppError("resource_exhausted", message, { retryAfterMs: 100 });
    }
    this.#inFlight++;
    this.#inFlightBytes += bytes;
    if (this.#isPaused || this.#inFlightBytes <= maxInFlightBytes) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  endRequest(bytes: number): void {
    this.#inFlight--;
    this.#inFlightBytes -= bytes;
    if (!this.#isPaused || this.#inFlightBytes > maxInFlightBytes / 2) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  #over(code: number, reason: string): void {
    this.#events.onOver(this, code, reason);
    this.state = { kind: "closed" };
    // what still comes is read and dropped, so that the closing handshake gets through
    this.#socket.resume();
  }

  #createOutbound(): Outbound {
    const { traffic, onSlow, requestFlush } = this.#events;
    return new Outbound({
      socket: { send: (message, done) => this.#socket.send(message, sendOptions, () => done()) },
      requestFlush,
      onSlow: (isSlow) => onSlow(this, isSlow),
      onOverflow: () => this.close(closeCodes.slowReader, "the client reads too slowly"),
      onWritten: traffic.sent,
      onError: (error) => this.fault(error),
    });
  }

  #createInbound(): Inbound {
    return new Inbound({
      onFrame: (frame) => {
        this.#events.traffic.received(frame.type);
        this.#events.onFrame(this, frame);
      },
      onFault: (error) => this.fault(error),
      pause: () => this.#socket.pause(),
      resume: () => {
        if (!this.#isPaused) this.#socket.resume();
      },
      isOver: () => this.isClosed,
    });
  }
}

/** Of one ERROR: a message may hold millions of wrong fields. Judgement. */
const maxErrorDetails = 100;

const sendOptions = { binary: true, compress: false } as const;

function ignore(): void {
  // a socket that can't be written to any more tells by closing
}

function faultCode(error: AppError): CloseCode {
  if (error.code === "protocol_violation") return closeCodes.malformed;
  return error.reason === "payload_too_large" ? closeCodes.tooLarge : closeCodes.internal;
}

function transportError(code: 1002 | 1009): AppError {
  if (code === closeCodes.malformed) return new AppError("protocol_violation", "malformed websocket frame");
  return new AppError("resource_exhausted", "message exceeds the limit of 10485760 bytes", {
    reason: "payload_too_large",
  });
}

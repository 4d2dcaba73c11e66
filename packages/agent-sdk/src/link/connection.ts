import { AppError, toAppError } from "@devmesh/models";
import {
  closeCodes,
  decodeMessage,
  decodeMessageAsync,
  encodeMessage,
  type Frame,
  isCostlyToDecode,
  type Message,
  parseMessageFrom,
} from "@devmesh/protocol";
import type { RawData, WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { toReceivedError } from "../requests/request.ts";
import { type Heartbeat, startHeartbeat } from "./heartbeat.ts";
import { openSocket } from "./open-socket.ts";
import { Outbox } from "./outbox.ts";
import type { Ending } from "./reconnect.ts";

/** How long the other side may take to answer a close before the socket is cut. */
const closeMs = 1_000;

export interface ConnectionOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly clock: Clock;
  /** All messages but PING and PONG, in order. Must not throw. */
  readonly onMessage: (message: Message) => void;
  readonly onProblem: (error: AppError) => void;
  readonly beforeFlush: (outbox: Outbox) => void;
  readonly onDrain: () => void;
  readonly signal: AbortSignal;
}

/** One WebSocket from its opening to its end. */
export class Connection {
  readonly outbox: Outbox;
  /** Resolves once, when the socket is closed. Never rejects. */
  readonly ended: Promise<Ending>;
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  #heartbeat: Heartbeat | undefined;
  /** Messages that came while a large one was being inflated; undefined when none is. */
  #backlog: Uint8Array[] | undefined;
  #goodbye: Ending["goodbye"];
  #error: AppError | undefined;
  #cancelCut: (() => void) | undefined;

  /** @throws AppError as {@link openSocket}. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    let connection: Connection | undefined;
    const socket = await openSocket({ ...options, onBytes: () => connection?.heard() });
    connection = new Connection(socket, options);
    return connection;
  }

  private constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.outbox = new Outbox({
      socket,
      beforeFlush: () => options.beforeFlush(this.outbox),
      onDrain: () => {
        this.outbox.touch();
        options.onDrain();
      },
    });
    this.ended = new Promise((resolve) => {
      socket.once("close", (code) => {
        this.#stop();
        resolve({ code, goodbye: this.#goodbye, error: this.#error });
      });
    });
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    // `close` may have come before the listener, as the opening took a turn
    if (socket.readyState === socket.CLOSED) socket.emit("close", 1006, Buffer.alloc(0));
  }

  /** The heartbeat that WELCOME asked for. */
  startHeartbeat(heartbeatMs: number): void {
    const { clock } = this.#options;
    this.#heartbeat = startHeartbeat({
      clock,
      heartbeatMs,
      ping: () => this.outbox.send(encodeMessage("PING", { at: clock.time() })),
      dead: () => {
        this.#error = new AppError("unavailable", `nothing was heard for ${4 * heartbeatMs} ms`, { reason: "dead" });
        this.#socket.terminate();
      },
    });
  }

  heard(): void {
    this.#heartbeat?.heard();
  }

  /** Sends what is left, then closes; the socket is cut if the other side does not answer in time. */
  async close(code: number): Promise<void> {
    await this.outbox.finish();
    this.#closeSocket(code);
    await this.ended;
  }

  /** Cuts the socket. `error` says why, where the server did not. */
  terminate(error?: AppError): void {
    this.#error ??= error;
    this.#socket.terminate();
  }

  #closeSocket(code: number): void {
    this.#cancelCut ??= this.#options.clock.startTimer(closeMs, () => this.#socket.terminate());
    this.#socket.close(code);
  }

  #stop(): void {
    this.#heartbeat?.stop();
    this.#cancelCut?.();
    this.outbox.close();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!isBinary) {
      this.#fail(closeCodes.textMessage, new AppError("protocol_violation", "the server sent a text message"));
      return;
    }
    // `nodebuffer` is the socket's binary type
    const bytes = data as Buffer;
    if (this.#backlog !== undefined) {
      this.#backlog.push(bytes);
      return;
    }
    if (isCostlyToDecode(bytes)) void this.#receiveSlowly(bytes);
    else this.#handle(() => decodeMessage(bytes));
  }

  /** Inflates off the thread, with the socket paused, so that the backlog holds what was read already and no more. */
  async #receiveSlowly(bytes: Uint8Array): Promise<void> {
    const backlog: Uint8Array[] = [bytes];
    this.#backlog = backlog;
    this.#socket.pause();
    for (let next = backlog.shift(); next !== undefined; next = backlog.shift()) {
      try {
        const frames = await decodeMessageAsync(next);
        this.#handle(() => frames);
      } catch (error) {
        this.#handle(() => {
          throw error;
        });
      }
    }
    this.#backlog = undefined;
    this.#socket.resume();
  }

  #handle(decode: () => readonly Frame[]): void {
    try {
      for (const frame of decode()) this.#handleFrame(frame);
    } catch (caught) {
      const error = toAppError(caught);
      const isTooLarge = error.reason === "payload_too_large";
      this.#fail(isTooLarge ? closeCodes.tooLarge : closeCodes.malformed, error);
    }
  }

  #handleFrame(frame: Frame): void {
    const message = this.#parse(frame);
    if (message === undefined) return;
    switch (message.name) {
      case "PING": {
        const { id } = message.payload;
        const at = this.#options.clock.time();
        // a peer that does not read its PONGs need not get more of them
        if (this.outbox.canWrite())
          this.outbox.send(encodeMessage("PONG", { ...(id !== undefined && { re: id }), at }));
        return;
      }
      case "PONG":
        return;
      case "GOODBYE":
        this.#goodbye = message.payload;
        break;
      case "ERROR":
        if (message.payload.re === undefined) this.#error = toReceivedError(message.payload);
        break;
      default:
    }
    this.#options.onMessage(message);
  }

  /** What a later version of the server may send is passed over; only what breaks the format ends the connection. */
  #parse(frame: Frame): Message | undefined {
    try {
      return parseMessageFrom("server", frame);
    } catch (caught) {
      const error = toAppError(caught);
      if (error.code === "protocol_violation") throw error;
      this.#options.onProblem(error);
      return undefined;
    }
  }

  #fail(code: number, error: AppError): void {
    this.#error = error;
    this.outbox.close();
    this.#closeSocket(code);
  }
}

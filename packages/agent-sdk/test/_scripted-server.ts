import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  decodeMessage,
  encodeFrames,
  encodeMessage,
  type JsonMessageName,
  type Message,
  type MessageName,
  type PayloadInput,
  type PayloadOf,
  parseMessageFrom,
  subprotocol,
} from "@devmesh/protocol";
import { type WebSocket, WebSocketServer } from "ws";

export const agentId = "01990000-0000-7000-8000-000000000001";

/** How the next upgrade is answered instead of being let in. */
export interface Refusal {
  readonly status: number;
  readonly body: object;
}

/** A real WebSocket server on a free port whose every answer the test gives itself. */
export class ScriptedServer implements AsyncDisposable {
  readonly #http = createServer();
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => subprotocol });
  readonly #arrived: Peer[] = [];
  readonly #waiting: ((peer: Peer) => void)[] = [];
  refusal: Refusal | undefined;
  /** The headers of the last upgrade. */
  authorization: string | undefined;

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    server.#http.on("upgrade", (request, socket, head) => {
      server.authorization = request.headers.authorization;
      if (server.refusal !== undefined) {
        const { status, body } = server.refusal;
        const text = JSON.stringify(body);
        socket.end(
          `HTTP/1.1 ${status} No\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
        );
        return;
      }
      server.#sockets.handleUpgrade(request, socket, head, (opened) => server.#arrive(new Peer(opened)));
    });
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#http.address() as AddressInfo).port}/ws`;
  }

  /** The next connection. */
  accept(): Promise<Peer> {
    const peer = this.#arrived.shift();
    return peer === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(peer);
  }

  /** The next connection, welcomed and registered. */
  async acceptAgent(welcome: Partial<PayloadInput<"WELCOME">> = {}): Promise<Peer> {
    const peer = await this.accept();
    peer.hello = await peer.next("HELLO");
    peer.welcome(peer.hello.id, welcome);
    const register = await peer.next("AGENT_REGISTER");
    peer.send("AGENT_REGISTERED", { re: register.id, agent: { id: agentId, name: register.name } as never });
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, "close");
  }

  #arrive(peer: Peer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(peer);
    else waiting(peer);
  }
}

/** The server's end of one connection. */
export class Peer {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  /** Frames of each WebSocket message that came, by name. */
  readonly messages: MessageName[][] = [];
  hello: PayloadOf<"HELLO"> | undefined;
  readonly #received: Message[] = [];
  #changed: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("message", (data) => {
      const parsed = decodeMessage(data as Buffer).map((frame) => parseMessageFrom("client", frame));
      this.messages.push(parsed.map(({ name }) => name));
      this.#received.push(...parsed);
      for (const wake of this.#changed.splice(0)) wake();
    });
  }

  /** Takes the next message of this name out of what came; others stay. */
  async next<Name extends JsonMessageName>(name: Name): Promise<PayloadOf<Name>> {
    for (;;) {
      const index = this.#received.findIndex((message) => message.name === name);
      const [found] = index < 0 ? [] : this.#received.splice(index, 1);
      if (found !== undefined) return found.payload as PayloadOf<Name>;
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  /** The messages of this name that came and were not taken. */
  count(name: MessageName): number {
    return this.#received.filter((message) => message.name === name).length;
  }

  /** Resolves when all that the agent sent before has come: it answers a PING after that. */
  async settle(): Promise<void> {
    this.send("PING", { id: "settle", at: "2026-01-01T00:00:00.000Z" });
    await this.next("PONG");
  }

  send<Name extends JsonMessageName>(name: Name, payload: PayloadInput<Name>): void {
    this.sendAll([encodeMessage(name, payload)]);
  }

  sendAll(frames: Parameters<typeof encodeFrames>[0]): void {
    const messages = encodeFrames(frames);
    if (!Array.isArray(messages)) throw new Error("too large for a test");
    for (const message of messages) this.socket.send(message);
  }

  welcome(re: string, welcome: Partial<PayloadInput<"WELCOME">> = {}): void {
    this.send("WELCOME", {
      re,
      connectionId: "c",
      nodeId: "n",
      heartbeatMs: 15_000,
      limits: { maxPayloadBytes: 10_485_760, maxInFlight: 100 },
      keep: [],
      recorded: [],
      drop: [],
      ...welcome,
    });
  }

  assign(seq: number, more: Partial<PayloadInput<"TASK_ASSIGN">> = {}): void {
    this.send("TASK_ASSIGN", toAssign(seq, more));
  }

  recorded(
    request: { readonly id?: string | undefined; readonly assignmentId: string },
    taskState: PayloadInput<"TASK_RECORDED">["taskState"],
  ): void {
    this.send("TASK_RECORDED", {
      re: request.id ?? "",
      assignmentId: request.assignmentId,
      taskState,
      duplicate: false,
    });
  }

  /** Answers the next ACCEPT. */
  async accepted(): Promise<PayloadOf<"TASK_ACCEPT">> {
    const accept = await this.next("TASK_ACCEPT");
    this.recorded(accept, "running");
    return accept;
  }
}

export function toAssign(seq: number, more: Partial<PayloadInput<"TASK_ASSIGN">> = {}): PayloadInput<"TASK_ASSIGN"> {
  return {
    seq,
    assignmentId: `a${seq}`,
    fence: 1,
    leaseMs: 30_000,
    acceptMs: 10_000,
    task: { id: `t${seq}`, type: "echo", state: "assigned", attempt: 1, input: { seq } } as never,
    ...more,
  };
}

import { once } from "node:events";
import { gunzipSync, gzipSync } from "node:zlib";
import { WebSocket } from "ws";

/** A client of the wire protocol, written from its page alone: nothing of the mesh's own code is used. */

export const types = {
  HELLO: 0x0001,
  WELCOME: 0x0002,
  PING: 0x0003,
  PONG: 0x0004,
  ERROR: 0x0005,
  ACK: 0x0006,
  GOODBYE: 0x0007,
  AGENT_REGISTER: 0x0101,
  AGENT_REGISTERED: 0x0102,
  AGENT_UPDATE: 0x0103,
  AGENT_DISCOVER: 0x0104,
  AGENT_LIST: 0x0105,
  AGENT_DEREGISTER: 0x0106,
  TASK_ASSIGN: 0x0201,
  TASK_ACCEPT: 0x0202,
  TASK_REJECT: 0x0203,
  TASK_PROGRESS: 0x0204,
  TASK_COMPLETE: 0x0205,
  TASK_FAIL: 0x0206,
  TASK_CANCEL: 0x0207,
  TASK_EXTEND: 0x0208,
  TASK_RECORDED: 0x0209,
  TASK_SUBMIT: 0x020a,
  TASK_GET: 0x020b,
  TASK_STATUS: 0x020c,
  TASK_NEEDS_INPUT: 0x020d,
  SEND: 0x0301,
  SENT: 0x0302,
  MESSAGE: 0x0303,
  SUBSCRIBE: 0x0304,
  SUBSCRIBED: 0x0305,
  UNSUBSCRIBE: 0x0306,
  EVENT: 0x0307,
  DOC_OPEN: 0x0401,
  DOC_UPDATE: 0x0403,
} as const;

export type TypeName = keyof typeof types;
// biome-ignore lint/suspicious/noExplicitAny: tests look into what arrives, field by field
export type Payload = any;

export interface Received {
  readonly name: TypeName;
  readonly payload: Payload;
  /** Which WebSocket message it came in, from 0. */
  readonly message: number;
}

export interface Header {
  readonly version?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly reserved?: number;
}

/** Twelve bytes of header, big endian, then the payload. */
export function toFrame(type: number, payload: Uint8Array, header: Header = {}): Buffer {
  const bytes = Buffer.alloc(12 + payload.byteLength);
  bytes.writeUInt8(header.version ?? 1, 0);
  bytes.writeUInt8(header.flags ?? 0, 1);
  bytes.writeUInt16BE(type, 2);
  bytes.writeUInt32BE(header.size ?? payload.byteLength, 4);
  bytes.writeUInt32BE(header.reserved ?? 0, 8);
  bytes.set(payload, 12);
  return bytes;
}

export function jsonFrame(name: TypeName, payload: unknown, header: Header = {}): Buffer {
  return toFrame(types[name], Buffer.from(JSON.stringify(payload)), header);
}

export function gzipFrame(type: number, payload: Uint8Array): Buffer {
  return toFrame(type, gzipSync(payload), { flags: 1 });
}

export function batchFrame(frames: readonly Uint8Array[]): Buffer {
  return toFrame(0, Buffer.concat(frames), { flags: 2 });
}

function readFrames(bytes: Buffer, message: number): Received[] {
  const flags = bytes.readUInt8(1);
  const size = bytes.readUInt32BE(4);
  const sent = bytes.subarray(12, 12 + size);
  const payload = (flags & 1) === 0 ? sent : gunzipSync(sent);
  if ((flags & 2) === 0) return [toReceived(bytes.readUInt16BE(2), payload, message)];
  const frames: Received[] = [];
  for (let at = 0; at < payload.length; at += 12 + payload.readUInt32BE(at + 4)) {
    const body = payload.subarray(at + 12, at + 12 + payload.readUInt32BE(at + 4));
    frames.push(toReceived(payload.readUInt16BE(at + 2), body, message));
  }
  return frames;
}

function toReceived(type: number, payload: Buffer, message: number): Received {
  const name = (Object.keys(types) as TypeName[]).find((one) => types[one] === type);
  if (name === undefined) throw new Error(`a frame of unknown type ${type}`);
  return { name, payload: JSON.parse(payload.toString("utf8")), message };
}

export interface ConnectOptions {
  readonly port: number;
  readonly key?: string | undefined;
  readonly protocols?: readonly string[];
  readonly path?: string;
}

/** Opens a socket; what arrives is kept until it is asked for. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const socket = new WebSocket(
    `ws://127.0.0.1:${options.port}${options.path ?? "/ws"}`,
    [...(options.protocols ?? ["devmesh.v1"])],
    {
      perMessageDeflate: false,
      headers: options.key === undefined ? {} : { authorization: `Bearer ${options.key}` },
    },
  );
  const client = new Client(socket);
  await once(socket, "open");
  return client;
}

/** What a refused upgrade was answered with. */
export function connectRefused(
  options: ConnectOptions,
): Promise<{ readonly status: number; readonly body: Payload; readonly contentType: string | undefined }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(
      `ws://127.0.0.1:${options.port}${options.path ?? "/ws"}`,
      [...(options.protocols ?? ["devmesh.v1"])],
      { headers: options.key === undefined ? {} : { authorization: `Bearer ${options.key}` } },
    );
    socket.on("error", reject);
    socket.on("open", () => {
      socket.terminate();
      reject(new Error("the upgrade was accepted"));
    });
    socket.on("unexpected-response", (_request, response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        socket.terminate();
        const body = JSON.parse(Buffer.concat(parts).toString("utf8"));
        resolve({ status: response.statusCode ?? 0, body, contentType: response.headers["content-type"] });
      });
    });
  });
}

export class Client {
  readonly socket: WebSocket;
  /** All that has arrived, asked for or not. */
  readonly log: Received[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  #pending: Received[] = [];
  #messages = 0;
  #nextId = 1;
  /** Of everybody who waits: requests may be under way side by side. */
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => {
      const frames = readFrames(data, this.#messages++);
      this.log.push(...frames);
      this.#pending.push(...frames);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.#isClosed = true;
        this.#wake();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  get protocol(): string {
    return this.socket.protocol;
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.send(bytes, { binary: true });
  }

  send(name: TypeName, payload: unknown): void {
    this.sendBytes(jsonFrame(name, payload));
  }

  newId(): string {
    return `r${this.#nextId++}`;
  }

  /** Sends a request and gives its one reply. */
  async request(name: TypeName, payload: Readonly<Record<string, unknown>> = {}): Promise<Received> {
    const id = this.newId();
    this.send(name, { id, ...payload });
    return this.next((frame) => frame.payload.re === id, `the reply to ${name}`);
  }

  /** The next frame that `matches`, among those not asked for yet; fails when it does not come within 30 s. */
  async next(matches: ((frame: Received) => boolean) | TypeName, what = String(matches)): Promise<Received> {
    const test = typeof matches === "string" ? (frame: Received) => frame.name === matches : matches;
    const until = performance.now() + 30_000;
    for (;;) {
      const index = this.#pending.findIndex(test);
      const [found] = index < 0 ? [] : this.#pending.splice(index, 1);
      if (found !== undefined) return found;
      if (this.#isClosed) throw new Error(`closed before ${what}; got ${this.#describe()}`);
      if (performance.now() > until) throw new Error(`waited in vain for ${what}; got ${this.#describe()}`);
      await this.#arrival(until - performance.now());
    }
  }

  /** Resolves when something arrived, or after `ms`. */
  #arrival(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.max(0, ms));
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #describe(): string {
    return (
      this.log.map(({ name, payload }) => `${name} ${JSON.stringify(payload).slice(0, 200)}`).join("\n") || "nothing"
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.socket.close(1000);
    await this.closed;
  }
}

export interface HelloOptions {
  readonly lastSeq?: number;
  readonly holding?: readonly string[];
}

/** Connects and says HELLO. */
export async function hello(
  options: ConnectOptions & { readonly name: string; readonly hello?: HelloOptions },
): Promise<Client> {
  const client = await connect(options);
  const reply = await client.request("HELLO", { agentName: options.name, ...options.hello });
  if (reply.name !== "WELCOME") throw new Error(`HELLO was answered with ${JSON.stringify(reply)}`);
  return client;
}

/** Connects, says HELLO and registers with one capability, named as given. */
export async function registered(
  options: ConnectOptions & { readonly name: string; readonly capability?: string; readonly maxConcurrency?: number },
): Promise<Client> {
  const client = await hello(options);
  const reply = await client.request("AGENT_REGISTER", {
    name: options.name,
    capabilities: [{ name: options.capability ?? options.name }],
    maxConcurrency: options.maxConcurrency ?? 1,
  });
  if (reply.name !== "AGENT_REGISTERED") throw new Error(`AGENT_REGISTER was answered with ${JSON.stringify(reply)}`);
  return client;
}

import { AppError } from "@devmesh/models";
import type { Message } from "@devmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Outbox } from "../link/outbox.ts";
import { isTransient, reconnectDelayMs } from "../link/reconnect.ts";
import {
  encodeRequest,
  lostConnection,
  type PendingRequest,
  type ReplyTo,
  type RequestBody,
  type RequestKind,
  type RequestName,
  toReceivedError,
} from "./request.ts";

const maxWaitingCalls = 10_000;
const maxWaitingCallBytes = 64 * 1_048_576;

export interface RequestsOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly requestTimeoutMs: number;
  /** Called when something begins that {@link Requests.tick} looks after. */
  readonly wake: () => void;
}

/** Every request that waits for its reply, across reconnects. */
export class Requests {
  readonly #options: RequestsOptions;
  #lastId = 0;
  #outbox: Outbox | undefined;
  #maxInFlight = 0;
  /** Sent on the present connection, by id, in the order of sending. */
  readonly #sent = new Map<string, PendingRequest>();
  #waitingFirst = new Map<string, PendingRequest>();
  #waitingCalls = new Map<string, PendingRequest>();
  #waitingCallBytes = 0;
  /** Refused for the moment, to be sent again at `retryAtMs`. */
  readonly #parked = new Map<string, PendingRequest>();
  #closedWith: AppError | undefined;
  /** When the latest of the requests that this connection has answered was sent. */
  #answeredSentAtMs: number | undefined;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#outbox !== undefined;
  }

  /**
   * How long ago, at most, the server sent what arrives now: replies come in order with all else, so that it came after
   * the request that was answered before it. Undefined before the first reply on a connection.
   */
  maxDelayMs(nowMs: number): number | undefined {
    return this.#answeredSentAtMs === undefined ? undefined : nowMs - this.#answeredSentAtMs;
  }

  /**
   * Sends a request and gives its reply. `onId` tells the id, for {@link withdraw}.
   *
   * @throws AppError what ERROR said; `invalid_argument` for what has no JSON form; `resource_exhausted` past 10,000
   * waiting calls or 64 MiB of them, or for a payload over 10 MiB; `deadline_exceeded` after the timeout of a call.
   */
  send<Name extends RequestName>(
    name: Name,
    body: RequestBody<Name>,
    { kind, onId }: { readonly kind: RequestKind; readonly onId?: (id: string) => void },
  ): Promise<ReplyTo<Name>> {
    return new Promise((resolve, reject) => {
      const entry = this.#createEntry({ name, body, kind }, { resolve: resolve as (reply: unknown) => void, reject });
      onId?.(entry.id);
      this.#enqueue(entry);
      this.pump();
    });
  }

  /** Sends on a connection that is not open for others yet, or no more: HELLO, AGENT_REGISTER, AGENT_DEREGISTER. */
  sendNow<Name extends RequestName>(outbox: Outbox, name: Name, body: RequestBody<Name>): Promise<ReplyTo<Name>> {
    return new Promise((resolve, reject) => {
      const settle = { resolve: resolve as (reply: unknown) => void, reject };
      const entry = this.#createEntry({ name, body, kind: "once" }, settle);
      this.#handOver(entry, outbox);
    });
  }

  /** A registered connection: what waits is sent, at most `maxInFlight` unanswered at a time. */
  open(outbox: Outbox, maxInFlight: number): void {
    this.#outbox = outbox;
    this.#maxInFlight = maxInFlight;
    this.pump();
  }

  /** The connection is gone: what was sent and not answered waits for the next, before what came later. */
  suspend(): void {
    this.#outbox = undefined;
    this.#answeredSentAtMs = undefined;
    const first = new Map<string, PendingRequest>();
    const calls = new Map<string, PendingRequest>();
    for (const entry of [...this.#sent.values(), ...this.#parked.values(), ...this.#waitingFirst.values()]) {
      if (entry.isSettled) continue;
      if (entry.kind === "once") entry.reject(lostConnection());
      else (entry.kind === "record" ? first : calls).set(entry.id, entry);
    }
    this.#sent.clear();
    this.#parked.clear();
    for (const entry of calls.values()) this.#waitingCallBytes += entry.frame.payload.byteLength;
    this.#waitingFirst = first;
    this.#waitingCalls = new Map([...calls, ...this.#waitingCalls]);
  }

  /** Hands over what waits while there is room. */
  pump(): void {
    const outbox = this.#outbox;
    if (outbox === undefined) return;
    while (this.#sent.size < this.#maxInFlight) {
      const entry = peek(this.#waitingFirst) ?? peek(this.#waitingCalls);
      if (entry === undefined || !outbox.canWrite()) return;
      this.#takeFromWaiting(entry);
      this.#handOver(entry, outbox);
    }
  }

  /** A message with `re`, ERROR or not. What answers nothing that is known is ignored: it came too late. */
  settle(re: string, message: Message): void {
    const entry = this.#sent.get(re);
    if (entry === undefined) return;
    this.#sent.delete(re);
    this.#answeredSentAtMs = Math.max(this.#answeredSentAtMs ?? entry.sentAtMs, entry.sentAtMs);
    if (!entry.isSettled) this.#answer(entry, message);
    this.pump();
  }

  /** The answer is known from elsewhere, or not wanted: the request ends with `error` and is not sent any more. */
  withdraw(id: string, error: AppError): void {
    const entry =
      this.#sent.get(id) ?? this.#waitingFirst.get(id) ?? this.#waitingCalls.get(id) ?? this.#parked.get(id);
    if (entry === undefined || entry.isSettled) return;
    entry.isSettled = true;
    this.#takeFromWaiting(entry);
    this.#parked.delete(id);
    entry.reject(error);
  }

  /** Ends calls past their deadline and sends again what was refused for the moment. False when nothing is left. */
  tick(nowMs: number): boolean {
    let isBusy = this.#parked.size > 0;
    for (const entries of [this.#sent, this.#waitingCalls]) {
      for (const entry of entries.values()) {
        if (entry.deadlineMs === undefined || entry.isSettled) continue;
        isBusy = true;
        if (nowMs >= entry.deadlineMs) this.withdraw(entry.id, this.#timedOut(entry));
      }
    }
    for (const entry of this.#parked.values()) {
      if (nowMs < entry.retryAtMs) continue;
      this.#parked.delete(entry.id);
      this.#waitingFirst.set(entry.id, entry);
    }
    this.pump();
    return isBusy;
  }

  /** Ends everything with `error`, and whatever is sent from now on. */
  close(error: AppError): void {
    this.#closedWith = error;
    this.#outbox = undefined;
    for (const entries of [this.#sent, this.#waitingFirst, this.#waitingCalls, this.#parked]) {
      for (const entry of entries.values()) if (!entry.isSettled) entry.reject(error);
      entries.clear();
    }
  }

  #createEntry(
    request: { readonly name: RequestName; readonly body: object; readonly kind: RequestKind },
    settle: { readonly resolve: (reply: unknown) => void; readonly reject: (error: AppError) => void },
  ): PendingRequest {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const { name, body, kind } = request;
    this.#lastId += 1;
    const id = this.#lastId.toString(36);
    const frame = encodeRequest(id, name, body);
    const deadlineMs = kind === "call" ? this.#options.clock.nowMs() + this.#options.requestTimeoutMs : undefined;
    if (deadlineMs !== undefined) this.#options.wake();
    const resolve = (reply: Message): void => settle.resolve(reply.payload);
    return {
      id,
      name,
      kind,
      frame,
      deadlineMs,
      resolve,
      reject: settle.reject,
      sentAtMs: 0,
      isSettled: false,
      tries: 0,
      retryAtMs: 0,
    };
  }

  #enqueue(entry: PendingRequest): void {
    if (entry.kind === "once" && this.#outbox === undefined) throw lostConnection();
    if (entry.kind !== "call") {
      this.#waitingFirst.set(entry.id, entry);
      return;
    }
    const bytes = this.#waitingCallBytes + entry.frame.payload.byteLength;
    if (this.#waitingCalls.size >= maxWaitingCalls || bytes > maxWaitingCallBytes) {
      throw new AppError(
        "resource_exhausted",
        `${this.#waitingCalls.size} requests wait already, at most ${maxWaitingCalls} of ${maxWaitingCallBytes} bytes may`,
      );
    }
    this.#waitingCallBytes = bytes;
    this.#waitingCalls.set(entry.id, entry);
  }

  #handOver(entry: PendingRequest, outbox: Outbox): void {
    entry.sentAtMs = this.#options.clock.nowMs();
    this.#sent.set(entry.id, entry);
    outbox.send(entry.frame);
  }

  #takeFromWaiting(entry: PendingRequest): void {
    this.#waitingFirst.delete(entry.id);
    if (this.#waitingCalls.delete(entry.id)) this.#waitingCallBytes -= entry.frame.payload.byteLength;
  }

  #answer(entry: PendingRequest, message: Message): void {
    if (message.name !== "ERROR") {
      entry.resolve(message);
      return;
    }
    const error = toReceivedError(message.payload);
    if (entry.kind !== "record" || !isTransient(error)) {
      entry.reject(error);
      return;
    }
    const delayMs = Math.max(error.retryAfterMs ?? 0, reconnectDelayMs(Math.min(entry.tries, 4), this.#options.random));
    entry.tries += 1;
    entry.retryAtMs = this.#options.clock.nowMs() + delayMs;
    this.#parked.set(entry.id, entry);
    this.#options.wake();
  }

  #timedOut(entry: PendingRequest): AppError {
    const message = `${entry.name} had no reply within ${this.#options.requestTimeoutMs} ms`;
    return new AppError("deadline_exceeded", message);
  }
}

function peek(entries: ReadonlyMap<string, PendingRequest>): PendingRequest | undefined {
  for (const entry of entries.values()) return entry;
  return undefined;
}

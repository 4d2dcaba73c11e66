import {
  type Agent,
  type AgentRegistration,
  type AgentUpdate,
  AppError,
  type Availability,
  toAppError,
} from "@devmesh/models";
import { encodeMessage } from "@devmesh/protocol";
import type { AgentEvent } from "../agent-event.ts";
import type { Assignments } from "../assignments/assignments.ts";
import type { ProgressSender } from "../assignments/progress-sender.ts";
import { type Clock, wait } from "../clock.ts";
import type { Messages } from "../messages/messages.ts";
import type { ReceivedSeqs } from "../messages/received-seqs.ts";
import type { ReplyTo } from "../requests/request.ts";
import type { Requests } from "../requests/requests.ts";
import type { Addresses } from "./addresses.ts";
import { Connection } from "./connection.ts";
import { type DispatchDeps, dispatch } from "./dispatch.ts";
import type { Outbox } from "./outbox.ts";
import { type Ending, findFinalError, retryDelayMs } from "./reconnect.ts";

/** What HELLO tells of the client. */
const sdkName = "devmesh-typescript/1";
/** How long the server may take to open, welcome and register. */
const handshakeMs = 10_000;
/** A connection that held this long makes the next delay begin at the bottom again. */
const stableMs = 10_000;
/** ACK goes out once so many frames are processed, else after the time. */
const ackFrames = 64;
const ackMs = 1_000;

export interface LinkOptions {
  readonly addresses: Addresses;
  readonly apiKey: string;
  readonly registration: AgentRegistration;
  readonly clock: Clock;
  readonly random: () => number;
  readonly requests: Requests;
  readonly seqs: ReceivedSeqs;
  readonly assignments: Assignments;
  readonly messages: Messages;
  readonly progress: ProgressSender;
  readonly report: (event: AgentEvent) => void;
  /** Called after each registration. */
  readonly onRegistered: (agent: Agent) => void;
  /** Called when something begins that {@link Link.tick} looks after. */
  readonly wake: () => void;
}

/** Keeps the agent connected: one connection after the other, each resuming where the last one ended. */
export class Link {
  readonly #options: LinkOptions;
  readonly #dispatchDeps: DispatchDeps;
  readonly #stop = new AbortController();
  #registration: AgentRegistration;
  /** What the agent itself set; AGENT_REGISTER does not carry it. */
  #availability: Availability = "available";
  #connection: Connection | undefined;
  #isRegistered = false;
  #isLeaving = false;
  #ackedAtMs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#dispatchDeps = { ...options, onSequenced: () => this.#noteSequenced() };
    this.#registration = options.registration;
  }

  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /**
   * Connects, and connects again, for ever. Resolves after {@link close} or {@link leave}.
   *
   * @throws AppError with which the agent has to stop for good.
   */
  async run(): Promise<void> {
    const { addresses, clock, random, report } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      const startedAtMs = clock.nowMs();
      const ending = await this.#live();
      if (this.#stop.signal.aborted || (this.#isLeaving && ending.code === 1000)) return;
      const finalError = findFinalError(ending);
      if (finalError !== undefined) throw finalError;
      if (clock.nowMs() - startedAtMs >= stableMs) attempt = 0;
      const retryInMs = retryDelayMs(ending, attempt, random);
      addresses.turn();
      report({ type: "disconnected", error: toDisconnectError(ending), retryInMs });
      await wait(clock, retryInMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
    }
  }

  /** Keeps what was changed, so that the next registration says the same. */
  remember({ availability, capabilities, maxConcurrency, metadata }: AgentUpdate): void {
    if (availability !== undefined) this.#availability = availability;
    this.#registration = {
      ...this.#registration,
      ...(capabilities !== undefined && { capabilities }),
      ...(maxConcurrency !== undefined && { maxConcurrency }),
      ...(metadata !== undefined && { metadata }),
    };
  }

  /** Sends ACK if it is due. False when there is nothing left to acknowledge. */
  tick(nowMs: number): boolean {
    const { seqs } = this.#options;
    if (seqs.unacknowledged === 0) return false;
    if (nowMs - this.#ackedAtMs >= ackMs) this.#acknowledge();
    return seqs.unacknowledged > 0;
  }

  /** Ends the agent at the server; resolves when that has closed the connection, or `signal` aborts. */
  async deregister(signal: AbortSignal): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || !this.#isRegistered) {
      throw new AppError("unavailable", "the agent is not connected, so that it could not be deregistered");
    }
    this.#isLeaving = true;
    this.#acknowledge();
    const cut = (): void => connection.terminate();
    signal.addEventListener("abort", cut);
    try {
      await this.#options.requests.sendNow(connection.outbox, "AGENT_DEREGISTER", {});
      await connection.ended;
    } catch (error) {
      this.#isLeaving = false;
      throw error;
    } finally {
      signal.removeEventListener("abort", cut);
    }
  }

  /** Says GOODBYE, closes with 1000 and does not come back. Idempotent. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const connection = this.#connection;
    if (connection !== undefined) {
      this.#acknowledge();
      connection.outbox.send(encodeMessage("GOODBYE", { reason: "leave" }));
    }
    this.#stop.abort();
    await connection?.close(1000);
  }

  /** One connection, from its opening to its end. Never rejects. */
  async #live(): Promise<Ending> {
    const { clock, requests, progress } = this.#options;
    const handshake = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, handshake.signal]);
    const cancelTimer = clock.startTimer(handshakeMs, () => {
      handshake.abort();
      this.#connection?.terminate(new AppError("deadline_exceeded", `no welcome within ${handshakeMs} ms`));
    });
    try {
      const connection = await this.#open(signal);
      this.#connection = connection;
      // what was asked on this connection ends with it
      const ended = connection.ended.finally(() => requests.suspend());
      const refusal = await this.#shakeHands(connection);
      cancelTimer();
      if (refusal !== undefined) connection.terminate();
      const ending = await ended;
      // a refusal is an answer to the try, not the end of a connection
      return refusal === undefined ? ending : { ...ending, code: undefined, error: refusal };
    } catch (error) {
      return { error: toAppError(error) };
    } finally {
      cancelTimer();
      this.#isRegistered = false;
      this.#connection = undefined;
      progress.setOutbox(undefined);
      requests.suspend();
    }
  }

  #open(signal: AbortSignal): Promise<Connection> {
    const { addresses, apiKey, clock, requests, report } = this.#options;
    return Connection.open({
      url: addresses.current,
      apiKey,
      clock,
      signal,
      onMessage: (message) => dispatch(this.#dispatchDeps, message),
      onProblem: (error) => report({ type: "problem", error }),
      beforeFlush: (outbox) => this.#beforeFlush(outbox),
      onDrain: () => requests.pump(),
    });
  }

  /** HELLO, WELCOME, AGENT_REGISTER. Gives the error if the server refused; undefined too if the connection dropped. */
  async #shakeHands(connection: Connection): Promise<AppError | undefined> {
    const { requests, assignments, messages, progress, report } = this.#options;
    try {
      const welcome = await this.#hello(connection.outbox);
      connection.startHeartbeat(welcome.heartbeatMs);
      assignments.resume(welcome);
      await this.#register(connection.outbox);
      await messages.resubscribe(connection.outbox);
      requests.open(connection.outbox, welcome.limits.maxInFlight);
      progress.setOutbox(connection.outbox);
      report({ type: "connected", connectionId: welcome.connectionId, nodeId: welcome.nodeId });
      return undefined;
    } catch (caught) {
      const error = toAppError(caught);
      // how the connection ended says more than that it did
      return error.reason === "connection_lost" ? undefined : error;
    }
  }

  async #hello(outbox: Outbox): Promise<ReplyTo<"HELLO">> {
    const { requests, seqs, assignments } = this.#options;
    const { holding } = assignments;
    const lastSeq = seqs.takeAck() ?? seqs.lastSeq;
    const hello = {
      agentName: this.#registration.name,
      sdk: sdkName,
      ...(holding.length > 0 && { holding }),
    };
    if (lastSeq === undefined) return requests.sendNow(outbox, "HELLO", hello);
    try {
      return await requests.sendNow(outbox, "HELLO", { ...hello, lastSeq });
    } catch (error) {
      // the mailbox is another one: the agent was deregistered meanwhile, or the store was made anew
      if (!(error instanceof AppError) || error.code !== "invalid_argument") throw error;
      seqs.reset();
      return requests.sendNow(outbox, "HELLO", hello);
    }
  }

  async #register(outbox: Outbox): Promise<void> {
    const { requests, onRegistered } = this.#options;
    let { agent } = await requests.sendNow(outbox, "AGENT_REGISTER", this.#registration);
    if (this.#availability !== "available") {
      ({ agent } = await requests.sendNow(outbox, "AGENT_UPDATE", { availability: this.#availability }));
    }
    this.#isRegistered = true;
    onRegistered(agent as Agent);
  }

  #noteSequenced(): void {
    const { seqs, wake } = this.#options;
    wake();
    if (seqs.unacknowledged >= ackFrames) this.#connection?.outbox.touch();
  }

  #beforeFlush(outbox: Outbox): void {
    if (!this.#isRegistered) return;
    this.#options.progress.collect(outbox);
    if (this.#options.seqs.unacknowledged >= ackFrames) this.#acknowledge();
  }

  #acknowledge(): void {
    const { seqs, clock } = this.#options;
    if (this.#connection === undefined || !this.#isRegistered) return;
    const seq = seqs.takeAck();
    if (seq === undefined) return;
    this.#ackedAtMs = clock.nowMs();
    this.#connection.outbox.send(encodeMessage("ACK", { seq }));
  }
}

function toDisconnectError({ code, goodbye, error }: Ending): AppError {
  if (error !== undefined) return error;
  const word = goodbye === undefined ? "" : ` after goodbye ${JSON.stringify(goodbye.reason)}`;
  return new AppError("unavailable", `the connection was closed with ${code}${word}`);
}

import { type Agent, type AgentUpdate, AppError, type Task } from "@devmesh/models";
import { Assignments } from "./assignments/assignments.ts";
import type { TaskHandlers } from "./assignments/handler.ts";
import { ProgressSender } from "./assignments/progress-sender.ts";
import { wait } from "./clock.ts";
import { Link } from "./link/link.ts";
import type { AgentPage, DiscoverOptions, MeshAgent, NewTask, SubmitOptions } from "./mesh-agent.ts";
import {
  type AgentMessage,
  type MeshEvent,
  Messages,
  type NewMessage,
  type Sent,
  type SubscribeOptions,
} from "./messages/messages.ts";
import { ReceivedSeqs } from "./messages/received-seqs.ts";
import { type AgentSettings, type ConnectOptions, toSettings } from "./options.ts";
import { Requests } from "./requests/requests.ts";
import { createTicker, type Ticker } from "./ticker.ts";

/** How often leases, deadlines and acknowledgements are looked at while there are any. Judgement. */
const tickMs = 100;
/** How long giving back what handlers still had may take when the agent ends. */
const giveBackMs = 2_000;

/**
 * Connects and registers an agent. It goes on trying while the server is away: bound it with `signal`.
 *
 * @throws AppError what the server refused for good (`unauthenticated`, `permission_denied`, `invalid_argument` …), or
 * `cancelled` if `signal` aborts first.
 */
export async function connectAgent(options: ConnectOptions): Promise<MeshAgent> {
  const agent = new ConnectedAgent(toSettings(options));
  const { signal } = options;
  const close = (): void => void agent.close();
  if (signal?.aborted) close();
  signal?.addEventListener("abort", close, { once: true });
  void agent.ended.then(() => signal?.removeEventListener("abort", close));
  await agent.whenRegistered();
  return agent;
}

class ConnectedAgent implements MeshAgent {
  /** Resolves when the agent is over, whatever the reason. */
  readonly ended: Promise<void>;
  readonly #settings: AgentSettings;
  readonly #seqs = new ReceivedSeqs();
  readonly #ticker: Ticker;
  readonly #requests: Requests;
  readonly #assignments: Assignments;
  readonly #messages: Messages;
  readonly #link: Link;
  readonly #running: Promise<void>;
  readonly #firstRegistration = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  #agent: Agent | undefined;
  #closing: Promise<void> | undefined;
  #isHandling = false;

  constructor(settings: AgentSettings) {
    this.#settings = settings;
    const { clock, random, report } = settings;
    this.#ticker = createTicker({ clock, everyMs: tickMs, tick: (nowMs) => this.#tick(nowMs) });
    const wake = (): void => this.#ticker.wake();
    const requests = new Requests({ clock, random, wake, requestTimeoutMs: settings.requestTimeoutMs });
    const progress = new ProgressSender({ clock, requests });
    const { maxConcurrency } = settings.registration;
    const seqs = this.#seqs;
    this.#requests = requests;
    this.#messages = new Messages({ requests, seqs, report, wake });
    this.#assignments = new Assignments({ clock, requests, seqs, progress, maxConcurrency, wake, report });
    this.#messages.onTaskMessage("task.answer", (message) => this.#assignments.answer(message));
    this.#messages.onTaskMessage("task.children", (message) => this.#assignments.tellChildren(message));
    this.#link = new Link({
      ...settings,
      requests,
      seqs,
      progress,
      wake,
      assignments: this.#assignments,
      messages: this.#messages,
      onRegistered: (agent) => this.#noteRegistered(agent),
    });
    this.#running = this.#run();
    this.ended = this.#running.catch(() => undefined);
    // connectAgent awaits it, after a close at the latest
    this.#firstRegistration.promise.catch(() => undefined);
  }

  get registered(): Agent {
    if (this.#agent === undefined) throw new AppError("failed_precondition", "the agent is not registered yet");
    return this.#agent;
  }

  whenRegistered(): Promise<void> {
    return this.#firstRegistration.promise;
  }

  async handle(handlers: TaskHandlers): Promise<void> {
    if (this.#isHandling) throw new AppError("failed_precondition", "the agent has its handlers already");
    this.#isHandling = true;
    this.#assignments.start(handlers);
    this.#messages.start();
    await this.#running;
    // what close does after the connection is part of it
    await this.#closing;
  }

  async submit(task: NewTask, options: SubmitOptions = {}): Promise<Task> {
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    const { parentAssignmentId } = options;
    const body = { task, idempotencyKey, ...(parentAssignmentId !== undefined && { parentAssignmentId }) };
    const reply = await this.#requests.send("TASK_SUBMIT", body, { kind: "call" });
    return reply.task as Task;
  }

  async get(taskId: string): Promise<Task> {
    const reply = await this.#requests.send("TASK_GET", { taskId }, { kind: "call" });
    return reply.task as Task;
  }

  async discover(options: DiscoverOptions = {}): Promise<AgentPage> {
    const { agents, nextCursor } = await this.#requests.send("AGENT_DISCOVER", { ...options }, { kind: "call" });
    return { agents: agents as readonly Agent[], ...(nextCursor !== undefined && { nextCursor }) };
  }

  async update(update: AgentUpdate): Promise<Agent> {
    const { agent } = await this.#requests.send("AGENT_UPDATE", update, { kind: "call" });
    this.#link.remember(update);
    if (update.maxConcurrency !== undefined) this.#assignments.setMaxConcurrency(update.maxConcurrency);
    this.#agent = agent as Agent;
    return this.#agent;
  }

  send(message: NewMessage): Promise<Sent> {
    return this.#messages.send(message);
  }

  subscribe(topics: readonly string[], options?: SubscribeOptions): Promise<readonly string[]> {
    return this.#messages.subscribe(topics, options);
  }

  unsubscribe(topics: readonly string[]): Promise<readonly string[]> {
    return this.#messages.unsubscribe(topics);
  }

  onMessage(handler: (message: AgentMessage) => unknown): void {
    this.#messages.onMessage(handler);
  }

  onEvent(handler: (event: MeshEvent) => unknown): void {
    this.#messages.onEvent(handler);
  }

  async leave(): Promise<void> {
    const timeout = new AbortController();
    const cancel = this.#settings.clock.startTimer(this.#settings.requestTimeoutMs, () => timeout.abort());
    try {
      await this.#link.deregister(timeout.signal);
    } finally {
      cancel();
    }
    await this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    let reason = new AppError("cancelled", "the agent is closed");
    try {
      await this.#link.run();
    } catch (error) {
      if (error instanceof AppError) reason = error;
      throw error;
    } finally {
      this.#over.abort();
      this.#ticker.stop();
      this.#firstRegistration.reject(reason);
      this.#requests.close(reason);
      this.#assignments.close(reason);
    }
  }

  async #shutDown(): Promise<void> {
    const reason = new AppError("cancelled", "the agent shuts down", { reason: "shutdown" });
    const idle = Promise.all([this.#assignments.stop(), this.#messages.stop()]);
    if (this.#link.isRegistered) {
      await this.#atMost(this.#settings.graceMs, idle);
      this.#assignments.giveBack(reason);
      await this.#atMost(giveBackMs, idle);
    }
    this.#assignments.close(reason);
    await this.#link.close();
    await this.ended;
  }

  /** Waits for `done`, the time, or the agent's end. */
  async #atMost(delayMs: number, done: Promise<unknown>): Promise<void> {
    const timeout = new AbortController();
    const signal = AbortSignal.any([timeout.signal, this.#over.signal]);
    await Promise.race([done, wait(this.#settings.clock, delayMs, signal)]);
    timeout.abort();
  }

  #noteRegistered(agent: Agent): void {
    this.#agent = agent;
    this.#firstRegistration.resolve();
  }

  #tick(nowMs: number): boolean {
    const busy = [this.#assignments.tick(nowMs), this.#requests.tick(nowMs), this.#link.tick(nowMs)];
    return busy.includes(true);
  }
}

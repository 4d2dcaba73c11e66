import { type Agent, type AgentUpdate, AppError, type Task, type TaskSubmission } from "@devmesh/models";
import { Assignments } from "./assignments.ts";
import { wait } from "./clock.ts";
import type { TaskHandlers } from "./handler.ts";
import { Link } from "./link.ts";
import { type AgentSettings, type ConnectOptions, toSettings } from "./options.ts";
import { ProgressSender } from "./progress-sender.ts";
import { ReceivedSeqs } from "./received-seqs.ts";
import { Requests } from "./requests.ts";
import { createTicker, type Ticker } from "./ticker.ts";

/** How often leases, deadlines and acknowledgements are looked at while there are any. Judgement. */
const tickMs = 100;
/** How long giving back what handlers still had may take when the agent ends. */
const giveBackMs = 2_000;

/** A task to submit: what has a default may be left out. */
export type NewTask = Pick<TaskSubmission, "type"> & { readonly [K in keyof TaskSubmission]?: TaskSubmission[K] };

/** How a submission is sent. */
export interface SubmitOptions {
  /** 1–255 characters. Without one the SDK makes one, so that a lost reply never submits twice. */
  readonly idempotencyKey?: string;
  /** The assignment that delegates this task: `ctx.assignmentId`. */
  readonly parentAssignmentId?: string;
}

/** Which agents are looked for. All that are given must hold. */
export interface DiscoverOptions {
  /** Agents that have all of these. */
  readonly capabilities?: readonly string[];
  readonly availability?: Agent["availability"];
  /** 1–200. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

/** One page of agents; without `nextCursor` it is the last. */
export interface AgentPage {
  readonly agents: readonly Agent[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/**
 * An agent of the mesh, connected until it is closed: lost connections come back by themselves, with what was under way.
 * Its requests reject with an `AppError`: what the server answered, `deadline_exceeded` after `requestTimeoutMs`,
 * `resource_exhausted` when too many wait, `cancelled` once the agent is closed.
 */
export interface MeshAgent extends AsyncDisposable {
  /** The agent as the server registered it last. */
  readonly registered: Agent;
  /**
   * Works until the agent is closed, and then resolves. Tasks are accepted by themselves, at most `maxConcurrency` at a
   * time; one whose type and capabilities have no handler is rejected. To be called once.
   *
   * @throws AppError if the agent has to stop for good: its credential ended (`unauthenticated`), it was revoked
   * (`permission_denied`), replaced (`conflict`, reason `replaced`) or deregistered (`failed_precondition`).
   */
  handle(handlers: TaskHandlers): Promise<void>;
  /** Submits a task and gives it as it is once it is durable. */
  submit(task: NewTask, options?: SubmitOptions): Promise<Task>;
  /** @throws AppError `not_found` */
  get(taskId: string): Promise<Task>;
  discover(options?: DiscoverOptions): Promise<AgentPage>;
  /** What is absent stays as it is. Holds across reconnects. */
  update(update: AgentUpdate): Promise<Agent>;
  /** Deregisters the agent, which ends it; its tasks go back to the queue. @throws AppError `unavailable` while disconnected. */
  leave(): Promise<void>;
  /**
   * Accepts nothing more, lets handlers finish for `graceMs`, aborts the rest and gives their tasks back, says GOODBYE
   * and closes. The agent stays registered. Idempotent; never rejects.
   */
  close(): Promise<void>;
}

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
    this.#assignments = new Assignments({ clock, requests, seqs, progress, maxConcurrency, wake, report });
    this.#link = new Link({
      ...settings,
      requests,
      seqs,
      progress,
      wake,
      assignments: this.#assignments,
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
    const idle = this.#assignments.stop();
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
  async #atMost(delayMs: number, done: Promise<void>): Promise<void> {
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

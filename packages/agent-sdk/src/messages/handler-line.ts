import { AppError } from "@devmesh/models";

/** How many wait for a first handler before the oldest is given up, and how many that are not sequenced wait at all. */
const maxUnheard = 1_000;
const maxUnsequenced = 10_000;

export interface HandlerLineOptions {
  /** What the items are, for people. */
  readonly noun: string;
  /** The frame with this `seq` had its effect. */
  readonly process: (seq: number) => void;
  readonly report: (event: { readonly type: "problem"; readonly error: AppError }) => void;
}

/**
 * Gives what comes to one handler, one after the other, and tells when each was handled. Items with a `seq` are bounded
 * by the mailbox that they come from; of the others the newest is dropped when too many wait.
 */
export class HandlerLine<Item extends { readonly seq?: number | undefined }> {
  readonly #options: HandlerLineOptions;
  #waiting: Item[] = [];
  #handler: ((item: Item) => unknown) | undefined;
  #isUnheard = false;
  #working: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: HandlerLineOptions) {
    this.#options = options;
  }

  listen(handler: (item: Item) => unknown): void {
    this.#handler = handler;
    this.#work();
  }

  /** From now on nothing waits for a first handler. */
  waitNoLonger(): void {
    this.#isUnheard = true;
    if (this.#handler === undefined) for (const item of this.#waiting.splice(0)) this.#pass(item);
  }

  push(item: Item): void {
    if (this.#isStopped) return;
    if (this.#handler === undefined && this.#isUnheard) {
      this.#pass(item);
      return;
    }
    if (item.seq === undefined && this.#waiting.length >= maxUnsequenced) {
      this.#tell(`${this.#waiting.length} ${this.#options.noun}s wait for the handler, one more was dropped`);
      return;
    }
    this.#waiting.push(item);
    if (this.#handler === undefined && this.#waiting.length > maxUnheard) this.#giveUpOldest();
    this.#work();
  }

  /** Begins nothing more; resolves when the handler at work has finished. What waits comes again another time. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#working;
  }

  #work(): void {
    if (this.#handler === undefined || this.#working !== undefined || this.#isStopped) return;
    if (this.#waiting.length === 0) return;
    this.#working = this.#handleAll().finally(() => {
      this.#working = undefined;
      this.#work();
    });
  }

  async #handleAll(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    for (const [index, item] of batch.entries()) {
      if (this.#isStopped) {
        this.#waiting = [...batch.slice(index), ...this.#waiting];
        return;
      }
      await this.#handle(item);
    }
  }

  async #handle(item: Item): Promise<void> {
    try {
      await this.#handler?.(item);
    } catch (error) {
      this.#tell(`the handler of a ${this.#options.noun} failed: ${String(error)}`, error);
    }
    this.#pass(item);
  }

  #giveUpOldest(): void {
    const oldest = this.#waiting.shift();
    if (oldest === undefined) return;
    this.#tell(`${maxUnheard} ${this.#options.noun}s wait and there is no handler, the oldest was dropped`);
    this.#pass(oldest);
  }

  #pass(item: Item): void {
    if (item.seq !== undefined) this.#options.process(item.seq);
  }

  #tell(message: string, cause?: unknown): void {
    this.#options.report({ type: "problem", error: new AppError("internal", message, { cause }) });
  }
}

import { assertWellFormed, decodeMessage, decodeMessageAsync, type Frame, isCostlyToDecode } from "@devmesh/protocol";
import { framesPerTurn } from "../limits.ts";

export interface InboundOptions {
  readonly onFrame: (frame: Frame) => void;
  /** A message could not be decoded: the connection is over. */
  readonly onFault: (error: unknown) => void;
  readonly pause: () => void;
  readonly resume: () => void;
  /** True once nothing more is to be handled. */
  readonly isOver: () => boolean;
}

/**
 * What arrives on one connection: messages are decoded and their frames handed on in order of arrival. A message that is
 * costly to inflate is inflated off this thread, and one of many frames spread over several turns; meanwhile nothing more
 * is read. All frames of a message are well-formed before any is handed on.
 */
export class Inbound {
  readonly #options: InboundOptions;
  #waiting: Uint8Array[] = [];
  #isBusy = false;
  #isPaused = false;

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  push(message: Uint8Array): void {
    if (this.#options.isOver()) return;
    this.#waiting.push(message);
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    try {
      for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
        const isCostly = isCostlyToDecode(message);
        if (isCostly) this.#pause();
        const frames = isCostly ? await decodeMessageAsync(message) : decodeMessage(message);
        // no turn is given away where there is nothing to wait for
        if (frames.length > framesPerTurn) await this.#handleSpread(frames);
        else {
          if (frames.length > 1) this.#check(frames);
          this.#handle(frames);
        }
      }
    } catch (error) {
      this.#options.onFault(error);
    } finally {
      this.#isBusy = false;
      if (this.#options.isOver()) this.#waiting = [];
      if (this.#isPaused) this.#options.resume();
      this.#isPaused = false;
    }
  }

  #check(frames: readonly Frame[]): void {
    for (const frame of frames) assertWellFormed("client", frame);
  }

  #handle(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#options.isOver()) return;
      this.#options.onFrame(frame);
    }
  }

  async #handleSpread(frames: readonly Frame[]): Promise<void> {
    this.#pause();
    await inTurns(frames, (some) => this.#check(some));
    await inTurns(frames, (some) => this.#handle(some));
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#options.pause();
  }
}

async function inTurns(frames: readonly Frame[], work: (some: readonly Frame[]) => void): Promise<void> {
  for (let start = 0; start < frames.length; start += framesPerTurn) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    work(frames.slice(start, start + framesPerTurn));
  }
}

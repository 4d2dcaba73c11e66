import { AppError } from "@devmesh/models";
import { encodeFrames, type Frame, HEADER_BYTES, MAX_BATCH_BYTES, MAX_MESSAGE_BYTES } from "@devmesh/protocol";
import { closeAboveBytes, slowAboveBytes, slowAboveFrames } from "../limits.ts";

/** The part of a WebSocket that is written to. `done` is called when the bytes have left this process, or can't. */
export interface OutboundSocket {
  send(message: Uint8Array, done: () => void): void;
}

export interface OutboundOptions {
  readonly socket: OutboundSocket;
  /** Asks for {@link Outbound.flush} at the end of this turn of the event loop. */
  readonly requestFlush: (outbound: Outbound) => void;
  /** The client reads too slowly, or has caught up. */
  readonly onSlow: (isSlow: boolean) => void;
  /** So much is unsent that the connection has to be given up. Called once. */
  readonly onOverflow: () => void;
  readonly onWritten: (frames: number, bytes: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * What leaves on one connection. Frames sent in one turn of the event loop go as one BATCH at its end; while a large
 * message is being compressed off this thread, what comes later waits for it, so that order is kept.
 */
export class Outbound {
  readonly #options: OutboundOptions;
  #queue: Frame[] = [];
  #unsentBytes = 0;
  #unsentFrames = 0;
  /** Of these, what was sent since the last flush. */
  #newBytes = 0;
  #newFrames = 0;
  #isEncoding = false;
  #isSlow = false;
  #isGivenUp = false;
  #onFlushed: (() => void) | undefined;
  #isDone = false;

  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get isSlow(): boolean {
    return this.#isSlow;
  }

  /**
   * Queues a frame. After {@link Outbound.end} it is dropped.
   *
   * @throws AppError `resource_exhausted`, reason `payload_too_large`, for a frame that no receiver would take.
   */
  send(frame: Frame): void {
    if (this.#onFlushed !== undefined || this.#isGivenUp) return;
    const bytes = HEADER_BYTES + frame.payload.byteLength;
    if (bytes > MAX_MESSAGE_BYTES) throw tooLarge(bytes);
    this.#queue.push(frame);
    this.#unsentBytes += bytes;
    this.#unsentFrames++;
    this.#newBytes += bytes;
    this.#newFrames++;
    this.#options.requestFlush(this);
    if (this.#unsentBytes > closeAboveBytes) this.#giveUp();
  }

  /** Sends what is queued, then calls `onFlushed`, once; nothing is taken any more. */
  end(onFlushed: () => void): void {
    if (this.#onFlushed !== undefined) return;
    this.#onFlushed = onFlushed;
    this.#options.requestFlush(this);
  }

  /** Hands what is queued to the socket. For whoever was asked through `requestFlush`. */
  flush(): void {
    this.#judge();
    if (this.#isEncoding) return;
    try {
      this.#encode();
    } catch (error) {
      this.#options.onError(error);
    }
    if (this.#queue.length > 0 || this.#isEncoding || this.#onFlushed === undefined || this.#isDone) return;
    this.#isDone = true;
    this.#onFlushed();
  }

  /** In parts of one batch, so that each leaves as soon as it is ready and little is held twice. */
  #encode(): void {
    while (this.#queue.length > 0) {
      const frames = this.#queue.splice(0, countBatch(this.#queue));
      const messages = encodeFrames(frames);
      if (messages instanceof Promise) {
        void this.#writeLater(messages, frames);
        return;
      }
      this.#write(messages, frames);
    }
  }

  async #writeLater(encoding: Promise<Uint8Array[]>, frames: readonly Frame[]): Promise<void> {
    this.#isEncoding = true;
    try {
      this.#write(await encoding, frames);
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isEncoding = false;
    }
    this.flush();
  }

  #write(messages: readonly Uint8Array[], frames: readonly Frame[]): void {
    const rawBytes = frames.reduce((sum, { payload }) => sum + HEADER_BYTES + payload.byteLength, 0);
    let left = messages.length;
    const onDone = (): void => {
      left--;
      if (left === 0) this.#settle(rawBytes, frames.length);
    };
    let bytes = 0;
    for (const message of messages) {
      bytes += message.byteLength;
      this.#options.socket.send(message, onDone);
    }
    this.#options.onWritten(frames.length, bytes);
    // what the socket has not taken by the next turn is judged then
    if (this.#isAbove(1)) this.#options.requestFlush(this);
  }

  #settle(bytes: number, frames: number): void {
    this.#unsentBytes -= bytes;
    this.#unsentFrames -= frames;
    if (!this.#isSlow || this.#isAbove(0.5)) return;
    this.#isSlow = false;
    this.#options.onSlow(false);
  }

  /** Looks at what earlier turns have left unsent; what this turn adds had no chance yet. */
  #judge(): void {
    const isAbove =
      this.#unsentBytes - this.#newBytes > slowAboveBytes || this.#unsentFrames - this.#newFrames > slowAboveFrames;
    this.#newBytes = 0;
    this.#newFrames = 0;
    if (this.#isSlow || !isAbove || this.#onFlushed !== undefined) return;
    this.#isSlow = true;
    this.#options.onSlow(true);
  }

  #isAbove(share: number): boolean {
    return this.#unsentBytes > slowAboveBytes * share || this.#unsentFrames > slowAboveFrames * share;
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#queue = [];
    this.#options.onOverflow();
  }
}

/** How many frames, from the first on, fit into one batch; at least one. */
function countBatch(frames: readonly Frame[]): number {
  let bytes = HEADER_BYTES;
  const end = frames.findIndex(({ payload }, index) => {
    bytes += HEADER_BYTES + payload.byteLength;
    return index > 0 && bytes > MAX_BATCH_BYTES;
  });
  return end < 0 ? frames.length : end;
}

function tooLarge(bytes: number): AppError {
  return new AppError(
    "resource_exhausted",
    `message of ${bytes} bytes exceeds the limit of ${MAX_MESSAGE_BYTES} bytes`,
    {
      reason: "payload_too_large",
    },
  );
}

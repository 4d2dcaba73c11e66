import { encodeFrames, type Frame } from "@devmesh/protocol";

/** Unsent bytes past which nothing new is handed over until the socket has caught up. Judgement. */
const highWaterBytes = 4 * 1_048_576;

export interface OutboxOptions {
  readonly socket: {
    readonly bufferedAmount: number;
    send(data: Uint8Array, written: () => void): void;
  };
  /** Called once a turn before its frames are encoded, to add what was put off until now. */
  readonly beforeFlush: () => void;
  /** Called when there is room again after {@link Outbox.canWrite} said no. */
  readonly onDrain: () => void;
}

/**
 * Sends the frames of one turn of the event loop together, in order, flushed at its end and never by a timer.
 * It does not refuse frames: whoever can wait asks {@link canWrite} first.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #frames: Frame[] = [];
  /** Bytes of frames that the socket has not been given. */
  #heldBytes = 0;
  #flush: NodeJS.Immediate | undefined;
  #encoding: Promise<void> | undefined;
  #isFull = false;
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  send(frame: Frame): void {
    if (this.#isClosed) return;
    this.#frames.push(frame);
    this.#heldBytes += frame.payload.byteLength;
    this.touch();
  }

  /** Makes sure that a flush comes at the end of this turn, though no frame is there yet. */
  touch(): void {
    if (this.#flush !== undefined || this.#isClosed) return;
    this.#flush = setImmediate(() => this.#flushNow());
  }

  canWrite(): boolean {
    const hasRoom = this.#heldBytes + this.#options.socket.bufferedAmount < highWaterBytes;
    if (!hasRoom) this.#isFull = true;
    return hasRoom;
  }

  /** Hands over all frames, so that what is written to the socket next comes after them; then it takes no more. */
  async finish(): Promise<void> {
    while (this.#encoding !== undefined) await this.#encoding;
    this.#flushNow();
    while (this.#encoding !== undefined) await this.#encoding;
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#flush !== undefined) clearImmediate(this.#flush);
    this.#flush = undefined;
    this.#frames = [];
  }

  #flushNow(): void {
    if (this.#flush !== undefined) clearImmediate(this.#flush);
    this.#flush = undefined;
    // what comes while a large message is compressed leaves after it
    if (this.#isClosed || this.#encoding !== undefined) return;
    this.#options.beforeFlush();
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    const bytes = this.#heldBytes;
    const encoded = encodeFrames(frames);
    if (Array.isArray(encoded)) {
      this.#write(encoded, bytes);
      return;
    }
    this.#encoding = encoded
      .then((messages) => this.#write(messages, bytes))
      .finally(() => {
        this.#encoding = undefined;
        if (this.#frames.length > 0) this.touch();
      });
  }

  #write(messages: readonly Uint8Array[], bytes: number): void {
    this.#heldBytes -= bytes;
    if (this.#isClosed) return;
    for (const message of messages) this.#options.socket.send(message, this.#written);
  }

  readonly #written = (): void => {
    if (!this.#isFull || this.#isClosed || !this.canWrite()) return;
    this.#isFull = false;
    this.#options.onDrain();
  };
}

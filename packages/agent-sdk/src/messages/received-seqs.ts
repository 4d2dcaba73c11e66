interface Received {
  readonly seq: number;
  isProcessed: boolean;
}

/**
 * Which server frames were received and which of them are processed. `seq` rises but may have gaps, so "contiguous"
 * means: among the frames that came. Bounded by what the server leaves unacknowledged.
 */
export class ReceivedSeqs {
  #waiting: Received[] = [];
  #first = 0;
  readonly #bySeq = new Map<number, Received>();
  #highest: number | undefined;
  #processed: number | undefined;
  #acknowledged: number | undefined;
  #unacknowledged = 0;

  /** Notes a frame; false for one that was seen before, which is to be dropped. */
  receive(seq: number): boolean {
    if (this.#highest !== undefined && seq <= this.#highest) return false;
    this.#highest = seq;
    const received = { seq, isProcessed: false };
    this.#waiting.push(received);
    this.#bySeq.set(seq, received);
    return true;
  }

  /** The frame had its effect. Unknown or already processed: nothing happens. */
  process(seq: number): void {
    const received = this.#bySeq.get(seq);
    if (received === undefined) return;
    received.isProcessed = true;
    this.#bySeq.delete(seq);
    this.#advance();
  }

  /** The highest `seq` up to which everything that came is processed; undefined before the first. */
  get lastSeq(): number | undefined {
    return this.#processed;
  }

  /** How many processed frames the server has not been told of. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** What ACK should say now, if there is anything new to say; it then counts as said. */
  takeAck(): number | undefined {
    if (this.#processed === this.#acknowledged) return undefined;
    this.#acknowledged = this.#processed;
    this.#unacknowledged = 0;
    return this.#processed;
  }

  /** Begins anew: the server's mailbox is not the one that these numbers came from. */
  reset(): void {
    this.#waiting = [];
    this.#first = 0;
    this.#bySeq.clear();
    this.#highest = undefined;
    this.#processed = undefined;
    this.#acknowledged = undefined;
    this.#unacknowledged = 0;
  }

  #advance(): void {
    for (let head = this.#waiting[this.#first]; head?.isProcessed; head = this.#waiting[this.#first]) {
      this.#processed = head.seq;
      this.#unacknowledged += 1;
      this.#first += 1;
    }
    // the passed part is cut off now and then, so that each frame costs the same
    if (this.#first > 256 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
  }
}

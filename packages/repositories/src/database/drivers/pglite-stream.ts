import { Duplex } from "node:stream";

/** Sends bytes of Postgres's protocol, and gives the bytes that answer them. */
export type ExchangeBytes = (bytes: Uint8Array) => Promise<Uint8Array>;

/**
 * Stands in for the socket under a `pg` client, so that PGlite is spoken to with the very code that speaks to a server:
 * results, errors, prepared statements and notifications are alike on both drivers by construction.
 */
export class PgliteStream extends Duplex {
  readonly #exchange: ExchangeBytes;

  constructor(exchange: ExchangeBytes) {
    super();
    this.#exchange = exchange;
  }

  connect(): this {
    queueMicrotask(() => this.emit("connect"));
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    // Bytes are pushed as they come.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  /** What was corked together, a statement's messages as a rule, goes to the worker in one piece. */
  override _writev(
    chunks: readonly { readonly chunk: Buffer; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.push(null);
    done();
  }

  #send(bytes: Buffer, done: (error?: Error | null) => void): void {
    this.#exchange(bytes).then(
      (answer) => {
        if (answer.byteLength > 0) this.push(answer);
        done();
      },
      (error: Error) => done(error),
    );
  }
}

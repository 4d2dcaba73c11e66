import { ByteLengthQueuingStrategy, ReadableStream } from "node:stream/web";

/** Where the events of one response go. */
export interface SseSink {
  /** Writes a whole event, or a comment. Nothing is written once it is closed. */
  write(frame: string): void;
  /** Ends the response; the client may come back for what follows. */
  close(): void;
  readonly isClosed: boolean;
}

export interface SseOptions {
  readonly keepAliveMs: number;
  /** Added to those of every event stream. */
  readonly headers: Readonly<Record<string, string>>;
  /** Called once, whoever ended it. */
  readonly onClosed: () => void;
  readonly onKeepAlive?: () => void;
}

/** Unread bytes of one stream past which it is ended: its client takes up where it was. Judgement. */
const maxUnreadBytes = 8_388_608;

/** Makes a response of events that is kept open, and the place to write them. */
export function openSse(options: SseOptions): { readonly response: Response; readonly sink: SseSink } {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isClosed = false;

  function finish(): void {
    if (isClosed) return;
    isClosed = true;
    clearInterval(keepAlive);
    options.onClosed();
  }

  function close(): void {
    const wasClosed = isClosed;
    finish();
    if (!wasClosed) controller?.close();
  }

  function write(frame: string): void {
    if (isClosed) return;
    controller?.enqueue(encoder.encode(frame));
    if ((controller?.desiredSize ?? 0) < -maxUnreadBytes) close();
  }

  const keepAlive = setInterval(() => {
    write(": keepalive\n\n");
    options.onKeepAlive?.();
  }, options.keepAliveMs);
  const body = new ReadableStream<Uint8Array>(
    {
      start: (started) => {
        controller = started as ReadableStreamDefaultController<Uint8Array>;
      },
      cancel: finish,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return {
    response: new Response(body as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>, {
      headers: { ...eventStreamHeaders, ...options.headers },
    }),
    sink: {
      write,
      close,
      get isClosed() {
        return isClosed;
      },
    },
  };
}

const eventStreamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  // nginx would gather events
  "x-accel-buffering": "no",
};

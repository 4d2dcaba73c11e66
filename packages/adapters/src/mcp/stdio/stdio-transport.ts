import { AppError, toAppError } from "@devmesh/models";
import type { RequestId, Transport } from "@modelcontextprotocol/client";
import type { Child } from "./child.ts";
import { createMessageReader, type ReaderLimits } from "./message-reader.ts";

/** A program as a transport of the client's. */
export interface StdioTransport extends Transport {
  /** Why it is over, once it is. */
  readonly failure: AppError | undefined;
  /** Called with the id of an answer that is none. */
  onbadanswer?: (id: RequestId) => void;
  /** Tells whether a request of this id waits for its answer. Without it, every one does. */
  isawaited?: (id: RequestId) => boolean;
}

/**
 * Starts the program, by `startProgram`, with the client's `start`; {@link Transport.close} ends it, and resolves when it is
 * gone.
 */
export function stdioTransport(startProgram: () => Promise<Child>, limits: ReaderLimits): StdioTransport {
  let child: Child | undefined;
  let failure: AppError | undefined;
  let isClosing = false;
  const reader = createMessageReader(limits, {
    onMessage: (message) => transport.onmessage?.(message),
    isAwaited: (id) => transport.isawaited?.(id) ?? true,
    onBadAnswer: (id) => transport.onbadanswer?.(id),
  });

  /** Ends it at once: what it does can't be lived with. */
  function breakOff(error: AppError): void {
    failure ??= error;
    child?.stdout.destroy();
    child?.kill();
  }

  function listenTo({ stdout, ended, kill }: Child): void {
    stdout.on("data", (chunk: Buffer) => {
      try {
        if (failure === undefined) reader.push(chunk);
      } catch (error) {
        breakOff(toAppError(error));
      }
    });
    // without an output it is of no use, even where it lives on
    stdout.once("end", kill);
    void ended.then((how) => {
      failure ??= crashed(how);
      stdout.destroy();
      transport.onclose?.();
    });
  }

  const transport: StdioTransport = {
    get failure() {
      return failure;
    },
    start: async () => {
      if (isClosing) throw new AppError("cancelled", "the connection was closed before it was open");
      child = await startProgram();
      listenTo(child);
      if (isClosing) await child.stop();
    },
    send: (message) => {
      if (child === undefined || failure !== undefined) return Promise.reject(failure ?? crashed("not started"));
      child.stdin.write(`${JSON.stringify(message)}\n`);
      if (child.stdin.writableLength > 2 * limits.maxMessageBytes) {
        breakOff(new AppError("unavailable", "the tool server reads nothing", { reason: "bad_answer" }));
      }
      return Promise.resolve();
    },
    close: async () => {
      isClosing = true;
      await child?.stop();
    },
  };
  return transport;
}

function crashed(how: string): AppError {
  return new AppError("unavailable", `the tool server ended: ${how}`, { reason: "tool_crashed" });
}

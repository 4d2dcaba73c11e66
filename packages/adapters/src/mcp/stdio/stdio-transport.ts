import { AppError } from "@devmesh/models";
import { type JSONRPCMessage, parseJSONRPCMessage, type Transport } from "@modelcontextprotocol/client";
import { type Child, type ChildOptions, startChild } from "./child.ts";
import { createLineSplitter } from "./line-splitter.ts";

/** Bounds on what a program may write and leave unread. */
export interface StdioLimits {
  /** Of one message. */
  readonly maxMessageBytes: number;
  /** Lines that are no messages, since the last that was one. */
  readonly maxNoiseLines: number;
  /** Notifications and requests of its own, since its last answer. */
  readonly maxUnasked: number;
}

/** A program as a transport of the client's. */
export interface StdioTransport extends Transport {
  /** Why it is over, once it is. */
  readonly failure: AppError | undefined;
  /** Called with the id of an answer that is none. */
  onbadanswer?: (id: string | number) => void;
}

/** Starts the program with the client's `start`; {@link Transport.close} ends it, and resolves when it is gone. */
export function stdioTransport(options: ChildOptions, limits: StdioLimits): StdioTransport {
  const { maxMessageBytes, maxNoiseLines, maxUnasked } = limits;
  let child: Child | undefined;
  let failure: AppError | undefined;
  let isClosing = false;
  let noise = 0;
  let unasked = 0;

  /** Ends it at once: what it does can't be lived with. */
  function breakOff(error: AppError): void {
    failure ??= error;
    child?.stdout.destroy();
    child?.kill();
  }

  function receive(line: string): void {
    if (line.trim() === "") return;
    const value = parseLine(line);
    const message = toMessage(value);
    if (message === undefined) {
      noise += 1;
      if (noise > maxNoiseLines) breakOff(nonsense(`${noise} lines that are no messages`));
      const id = idOf(value);
      if (id !== undefined) transport.onbadanswer?.(id);
      return;
    }
    noise = 0;
    unasked = "method" in message ? unasked + 1 : 0;
    if (unasked > maxUnasked) breakOff(flood(`${unasked} messages that nobody asked for`));
    else transport.onmessage?.(message);
  }

  function read(chunk: Buffer, splitter: ReturnType<typeof createLineSplitter>): void {
    try {
      for (const line of splitter.push(chunk)) {
        if (failure !== undefined) return;
        receive(line);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      breakOff(flood(`a message of more than ${maxMessageBytes} bytes`));
    }
  }

  const transport: StdioTransport = {
    get failure() {
      return failure;
    },
    start: async () => {
      if (isClosing) throw new AppError("cancelled", "the connection was closed before it was open");
      const started = await startChild(options);
      child = started;
      const splitter = createLineSplitter(maxMessageBytes);
      started.stdout.on("data", (chunk: Buffer) => read(chunk, splitter));
      // without an output it is of no use, even where it lives on
      started.stdout.once("end", () => started.kill());
      void started.ended.then((how) => {
        failure ??= crashed(how);
        started.stdout.destroy();
        transport.onclose?.();
      });
      if (isClosing) await started.stop();
    },
    send: (message) => {
      if (child === undefined || failure !== undefined) return Promise.reject(failure ?? crashed("not started"));
      child.stdin.write(`${JSON.stringify(message)}\n`);
      if (child.stdin.writableLength > 2 * maxMessageBytes) breakOff(nonsense("it reads nothing"));
      return Promise.resolve();
    },
    close: async () => {
      isClosing = true;
      await child?.stop();
    },
  };
  return transport;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function toMessage(value: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(value);
  } catch {
    return undefined;
  }
}

function idOf(value: unknown): string | number | undefined {
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined;
  return typeof value.id === "string" || typeof value.id === "number" ? value.id : undefined;
}

function flood(what: string): AppError {
  return new AppError("resource_exhausted", `the tool server wrote ${what}`, { reason: "output_too_large" });
}

function nonsense(what: string): AppError {
  return new AppError("unavailable", `the tool server broke the protocol: ${what}`, { reason: "bad_answer" });
}

function crashed(how: string): AppError {
  return new AppError("unavailable", `the tool server ended: ${how}`, { reason: "tool_crashed" });
}

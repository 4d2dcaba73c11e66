import type { Principal } from "@devmesh/auth";
import { SUBSCRIPTION_ID_META_KEY } from "@modelcontextprotocol/server";
import type { EchoedId } from "../../http/json-rpc.ts";
import { openSse } from "../../http/sse.ts";
import type { McpTasks } from "../tasks/open-tasks.ts";
import type { TaskNotification } from "../tasks/watch-tasks.ts";

export interface ListenToTasksOptions {
  /** Of the request: every notification names it. */
  readonly id: EchoedId;
  readonly principal: Principal;
  readonly taskIds: readonly string[];
  readonly watchTasks: McpTasks["watchTasks"];
  readonly keepAliveMs: number;
}

/** A subscription that hears of tasks, too. */
export interface TaskListening {
  readonly response: Response;
  /** Ends it as the SDK does, with a result. */
  end(): void;
}

/**
 * Adds notifications of tasks to a subscription that the SDK serves: it knows only its own four filters, and ends a
 * stream that asks for none of them.
 *
 * @throws AppError as `watchTasks` does
 */
export async function listenToTasks(served: Response, options: ListenToTasksOptions): Promise<TaskListening> {
  const { id, principal, taskIds, watchTasks } = options;
  const ending = new AbortController();
  const reader = bodyOf(served).pipeThrough(new TextDecoderStream()).getReader();
  const { response, sink } = openSse({
    keepAliveMs: options.keepAliveMs,
    headers: {},
    onClosed: () => {
      ending.abort();
      reader.cancel().catch(() => undefined);
    },
  });
  const waiting: string[] = [];
  let isAcknowledged = false;
  let lastFrame: string | undefined;

  function tell({ method, params }: TaskNotification): void {
    const frame = toFrame({ jsonrpc: "2.0", method, params: { ...params, _meta: { [SUBSCRIPTION_ID_META_KEY]: id } } });
    if (isAcknowledged) sink.write(frame);
    else waiting.push(frame);
  }

  const honoured = await watchTasks({ principal, taskIds, tell, signal: ending.signal }).catch((error: unknown) => {
    sink.close();
    throw error;
  });

  function acknowledge(frame: Frame): void {
    const { notifications } = frame.params ?? {};
    sink.write(
      toFrame({ ...frame, params: { ...frame.params, notifications: { ...notifications, taskIds: honoured } } }),
    );
    isAcknowledged = true;
    for (const text of waiting) sink.write(text);
  }

  function finish(): void {
    if (lastFrame !== undefined) sink.write(lastFrame);
    sink.close();
  }

  async function pump(): Promise<void> {
    let hasOthers = false;
    for await (const frame of framesOf(reader)) {
      if (!isAcknowledged) {
        hasOthers = Object.keys(frame.params?.notifications ?? {}).length > 0;
        acknowledge(frame);
      } else if (frame.method === undefined) lastFrame = toFrame(frame);
      else sink.write(toFrame(frame));
    }
    if (hasOthers || honoured.length === 0) finish();
  }

  void pump().catch(() => sink.close());
  return { response, end: finish };
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (body === null) throw new Error("assertion failed: a subscription without a body");
  return body as ReadableStream<Uint8Array<ArrayBuffer>>;
}

interface Frame {
  readonly method?: string;
  readonly params?: { readonly notifications?: Readonly<Record<string, unknown>> };
}

/** The messages of a stream; comments are left out. */
async function* framesOf(reader: ReadableStreamDefaultReader<string>): AsyncGenerator<Frame> {
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const data = /^data: (.+)$/m.exec(frame)?.[1];
      if (data !== undefined) yield JSON.parse(data) as Frame;
    }
  }
}

function toFrame(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

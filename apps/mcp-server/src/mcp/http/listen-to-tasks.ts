import type { Principal } from "@devmesh/auth";
import { SUBSCRIPTION_ID_META_KEY } from "@modelcontextprotocol/server";
import type { EchoedId } from "../../http/json-rpc.ts";
import { openSse, type SseSink } from "../../http/sse.ts";
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
  const notices = createNotices(sink, id);
  const watch = { principal, taskIds, tell: notices.tell, signal: ending.signal };
  const honoured = await watchTasks(watch).catch((error: unknown) => {
    sink.close();
    throw error;
  });
  let result: string | undefined;

  function end(): void {
    if (result !== undefined) sink.write(result);
    sink.close();
  }

  async function relay(): Promise<void> {
    const frames = framesOf(reader);
    const { value: acknowledgement } = await frames.next();
    if (acknowledgement === undefined) return sink.close();
    const { params: { notifications, ...params } = {} } = acknowledgement;
    sink.write(
      toFrame({ ...acknowledgement, params: { ...params, notifications: { ...notifications, taskIds: honoured } } }),
    );
    notices.release();
    for await (const frame of frames) {
      if (frame.method === undefined) result = toFrame(frame);
      else sink.write(toFrame(frame));
    }
    const hasOthers = Object.keys(notifications ?? {}).length > 0;
    if (hasOthers || honoured.length === 0) end();
  }

  void relay().catch(() => sink.close());
  return { response, end };
}

/** Notifications of one subscription, held back until it is acknowledged. */
function createNotices(
  sink: SseSink,
  subscription: EchoedId,
): { readonly tell: (notification: TaskNotification) => void; readonly release: () => void } {
  let held: string[] | undefined = [];
  return {
    tell({ method, params }) {
      const _meta = { [SUBSCRIPTION_ID_META_KEY]: subscription };
      const frame = toFrame({ jsonrpc: "2.0", method, params: { ...params, _meta } });
      if (held === undefined) sink.write(frame);
      else held.push(frame);
    },
    release() {
      for (const frame of held ?? []) sink.write(frame);
      held = undefined;
    },
  };
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

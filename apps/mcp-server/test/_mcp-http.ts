/** An event of a stream: its id, and the message, if it carries one. */
export interface HeardEvent {
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what the server says is what the tests are about
  readonly message: any;
}

/** A response of events, as a client reads it. */
export interface HeardStream {
  readonly response: Response;
  /** The next event, or the next whose message has this method; undefined once the stream has ended. */
  next(method?: string): Promise<HeardEvent | undefined>;
  /** All that is still to come, until the stream ends. */
  rest(): Promise<readonly HeardEvent[]>;
  /** Ends it as a broken line would. */
  cut(): void;
}

export interface McpRequest {
  readonly port: number;
  readonly key?: string;
  readonly session?: string;
  readonly method?: "POST" | "GET" | "DELETE" | "PUT" | "OPTIONS";
  /** A message, or a body as it is. */
  readonly message?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
}

/** Sends one request to `/mcp`, as a client of revision 2025-11-25 does. */
export async function request(asked: McpRequest): Promise<HeardStream> {
  const { port, key, session, message, method = "POST", path = "/mcp" } = asked;
  const cutting = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      accept: "application/json, text/event-stream",
      ...(message !== undefined && { "content-type": "application/json" }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(session !== undefined && { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" }),
      ...asked.headers,
    },
    ...(message !== undefined && { body: typeof message === "string" ? message : JSON.stringify(message) }),
    signal: cutting.signal,
  });
  return hear(response, () => cutting.abort());
}

let lastId = 0;

/** A request message with an id of its own. */
export function ask(method: string, params?: object): { readonly id: number; readonly method: string } {
  lastId += 1;
  return { jsonrpc: "2.0", id: lastId, method, ...(params !== undefined && { params }) } as never;
}

/** A call of a tool. */
export function callOf(name: string, args: object = {}): ReturnType<typeof ask> {
  return ask("tools/call", { name, arguments: args });
}

/** A request message of revision 2026-07-28, and the header fields that belong to it. */
export function modern(method: string, params: Readonly<Record<string, unknown>> = {}, capabilities: object = {}) {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  };
  return {
    message: ask(method, { ...params, _meta }),
    headers: {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(typeof params["name"] === "string" && { "mcp-name": params["name"] }),
    },
  };
}

/** Begins a session, and answers its id. */
export async function initialize(port: number, key: string, capabilities: object = {}): Promise<string> {
  const clientInfo = { name: "test", version: "1" };
  const message = ask("initialize", { protocolVersion: "2025-11-25", capabilities, clientInfo });
  const heard = await request({ port, key, message });
  const session = heard.response.headers.get("mcp-session-id");
  if (session === null) throw new Error(`no session: ${heard.response.status}`);
  await heard.rest();
  await request({ port, key, session, message: { jsonrpc: "2.0", method: "notifications/initialized" } });
  return session;
}

function hear(response: Response, cut: () => void): HeardStream {
  const events = eventsOf(response);
  return {
    response,
    async next(method) {
      for (;;) {
        const { done, value } = await events.next();
        if (done === true) return undefined;
        if (method === undefined || value.message?.method === method) return value;
      }
    },
    async rest() {
      const all: HeardEvent[] = [];
      for await (const event of events) all.push(event);
      return all;
    },
    cut,
  };
}

async function* eventsOf(response: Response): AsyncGenerator<HeardEvent> {
  if (response.body === null) return;
  let text = "";
  const isEvents = response.headers.get("content-type") === "text/event-stream";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const frames = isEvents ? text.split("\n\n") : [];
    text = frames.pop() ?? text;
    for (const frame of frames) if (!frame.startsWith(":")) yield toEvent(frame);
  }
  if (!isEvents && text !== "") yield { id: undefined, message: JSON.parse(text) };
}

function toEvent(frame: string): HeardEvent {
  const data = /^data: (.+)$/m.exec(frame)?.[1];
  return { id: /^id: (.+)$/m.exec(frame)?.[1], message: data === undefined ? undefined : JSON.parse(data) };
}

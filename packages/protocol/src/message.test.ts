import { AppError } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assertWellFormed,
  directionOf,
  encodeMessage,
  groupOf,
  type MessageName,
  messageNames,
  type messageSchemas,
  messageTypes,
  parseMessage,
  parseMessageFrom,
  parsePayload,
  readFrameRequestId,
  readRequestId,
} from "./index.ts";

const at = "2026-01-01T00:00:00.000Z";
const about = { assignmentId: "a1", fence: 3 };
const task = { id: "t1", type: "code.review", state: "queued" };

/** The least that each message must hold; without any one of these fields it is refused. */
const minimal: Record<keyof typeof messageSchemas, Record<string, unknown>> = {
  HELLO: { id: "r1", agentName: "reviewer-1" },
  WELCOME: {
    re: "r1",
    connectionId: "c1",
    nodeId: "n1",
    heartbeatMs: 15_000,
    limits: { maxPayloadBytes: 10_485_760, maxInFlight: 100 },
    keep: [],
    recorded: [],
    drop: [],
  },
  PING: { at },
  PONG: { at },
  ERROR: { code: "internal", message: "internal error" },
  ACK: { seq: 7 },
  GOODBYE: { reason: "replaced" },
  AGENT_REGISTER: {
    id: "r1",
    name: "reviewer-1",
    capabilities: [{ name: "code.review", level: 1 }],
    maxConcurrency: 4,
  },
  AGENT_REGISTERED: { re: "r1", agent: { id: "g1", name: "reviewer-1" } },
  AGENT_UPDATE: { id: "r1" },
  AGENT_DISCOVER: { id: "r1" },
  AGENT_LIST: { re: "r1", agents: [{ id: "g1", name: "reviewer-1" }] },
  AGENT_DEREGISTER: { id: "r1" },
  TASK_ASSIGN: { seq: 1, ...about, leaseMs: 30_000, acceptMs: 10_000, task },
  TASK_ACCEPT: { id: "r1", ...about },
  TASK_REJECT: { id: "r1", ...about, reason: "busy" },
  TASK_PROGRESS: { ...about },
  TASK_COMPLETE: { id: "r1", ...about, output: null },
  TASK_FAIL: { id: "r1", ...about, class: "retryable", message: "no luck" },
  TASK_CANCEL: { seq: 2, ...about, reason: "timeout" },
  TASK_EXTEND: { id: "r1", ...about, leaseMs: 60_000 },
  TASK_RECORDED: { re: "r1", assignmentId: "a1", taskState: "running", duplicate: false },
  TASK_SUBMIT: { id: "r1", task: { type: "code.review" } },
  TASK_GET: { id: "r1", taskId: "t1" },
  TASK_STATUS: { re: "r1", task },
  TASK_NEEDS_INPUT: { id: "r1", ...about, question: "which one?" },
  SEND: { id: "r1", to: "reviewer-1", kind: "note", content: null },
  SENT: { re: "r1", messageId: "m1", accepted: 1, queued: 0 },
  MESSAGE: { seq: 3, messageId: "m1", from: { id: "g1", name: "a" }, kind: "note", content: 1, sentAt: at },
  SUBSCRIBE: { id: "r1", topics: ["task.*", "workflow.>", ">"] },
  SUBSCRIBED: { re: "r1", topics: ["task.*"] },
  UNSUBSCRIBE: { id: "r1", topics: ["task.*"] },
  EVENT: { topic: "task.created", event: { id: "1", type: "task.created", at, subject: "t1", data: {} } },
  DOC_OPEN: { id: "r1", documentId: "d1", kind: "text" },
  DOC_OPENED: { re: "r1", documentId: "d1", channel: 1, update: "AAA=" },
  DOC_CLOSE: { channel: 1 },
};

describe("every message", () => {
  for (const [name, payload] of Object.entries(minimal) as [keyof typeof messageSchemas, Record<string, unknown>][]) {
    it(`${name} parses at its least, drops unknown fields, and misses each field by name`, () => {
      const frame = toFrame(name, { ...payload, unknown: 1 });
      const message = parseMessage(frame);
      expect(message.name).toBe(name);
      expect(message.type).toBe(messageTypes[name]);
      expect(JSON.parse(JSON.stringify(message.payload))).toMatchObject(payload);
      expect(message.payload).not.toHaveProperty("unknown");
      for (const field of Object.keys(payload)) {
        const { [field]: _, ...rest } = payload;
        const error = refusal(name, rest);
        expect(error.code, field).toBe("invalid_argument");
        expect(error.reason).toBeUndefined();
        expect(error.details).toContainEqual({ path: field, message: expect.any(String) });
      }
    });
  }

  it("has a name, a type, a group and a direction", () => {
    expect(messageNames.size).toBe(38);
    for (const [name, type] of Object.entries(messageTypes) as [MessageName, number][]) {
      expect(messageNames.get(type)).toBe(name);
      expect(groupOf(type)).toBeDefined();
      expect(["client", "server", "both"]).toContain(directionOf(name));
    }
    expect(groupOf(0x020a)).toBe("tasks");
    expect(groupOf(0xf000)).toBeUndefined();
  });
});

describe("parseMessage", () => {
  it("refuses unknown types and messages of the wrong side as unknown_type", () => {
    for (const type of [0x0008, 0x0100, 0x020e, 0xf000, 0xffff]) {
      const error = catchError(() => parseMessage({ type, payload: new Uint8Array([255]) }));
      expect(error).toMatchObject({ code: "invalid_argument", reason: "unknown_type" });
    }
    const frame = toFrame("TASK_ACCEPT", minimal.TASK_ACCEPT);
    expect(parseMessageFrom("client", frame).name).toBe("TASK_ACCEPT");
    expect(catchError(() => parseMessageFrom("server", frame)).reason).toBe("unknown_type");
    expect(parseMessageFrom("server", toFrame("PING", minimal.PING)).name).toBe("PING");
  });

  it.each<[keyof typeof messageSchemas, Record<string, unknown>, string]>([
    ["TASK_ACCEPT", { fence: -1 }, "fence"],
    ["TASK_ACCEPT", { fence: 1.5 }, "fence"],
    ["TASK_ACCEPT", { fence: "3" }, "fence"],
    ["TASK_ACCEPT", { assignmentId: "" }, "assignmentId"],
    ["TASK_ACCEPT", { traceparent: 7 }, "traceparent"],
    ["TASK_PROGRESS", { percent: 101 }, "percent"],
    ["TASK_PROGRESS", { log: [{ at, level: "info", line: "é".repeat(2049) }] }, "log[0].line"],
    ["TASK_PROGRESS", { id: "" }, "id"],
    ["TASK_FAIL", { class: "other" }, "class"],
    ["TASK_EXTEND", { leaseMs: 0 }, "leaseMs"],
    ["TASK_COMPLETE", { usage: { costMicroUsd: 0.5 } }, "usage.costMicroUsd"],
    ["TASK_NEEDS_INPUT", { onTimeout: "default" }, "default"],
    ["AGENT_REGISTER", { maxConcurrency: 0 }, "maxConcurrency"],
    ["AGENT_REGISTER", { maxConcurrency: 1001 }, "maxConcurrency"],
    ["AGENT_REGISTER", { capabilities: Array.from({ length: 101 }, (_, i) => ({ name: `c${i}` })) }, "capabilities"],
    ["AGENT_REGISTER", { metadata: { text: "x".repeat(65_536) } }, "metadata"],
    ["HELLO", { agentName: "two words" }, "agentName"],
    ["HELLO", { holding: ["a1", 2] }, "holding[1]"],
    ["SEND", { topic: "news" }, "to"],
    ["SUBSCRIBE", { topics: ["a.>.b"] }, "topics[0]"],
    ["DOC_OPEN", { name: "notes" }, "documentId"],
    ["DOC_CLOSE", { channel: 2 ** 32 }, "channel"],
  ])("refuses %s with %j, naming %s", (name, change, path) => {
    const error = refusal(name, { ...minimal[name], ...change });
    expect(error.code).toBe("invalid_argument");
    expect(error.details).toContainEqual({ path, message: expect.any(String) });
  });

  it("passes users' JSON on untouched", () => {
    const texts = ['{"__proto__":{"a":1},"n":9007199254740991}', "null", '"\\u0000\\ud800"', "[]", "false"];
    for (const text of texts) {
      const bytes = new TextEncoder().encode(`{"id":"r1","assignmentId":"a1","fence":0,"output":${text}}`);
      const message = parseMessage({ type: messageTypes.TASK_COMPLETE, payload: bytes });
      if (message.name !== "TASK_COMPLETE") throw new Error("the type names the message");
      expect(JSON.stringify(message.payload.output)).toBe(text);
      const again = parsePayload(encodeMessage("TASK_COMPLETE", message.payload));
      expect(JSON.stringify(again["output"])).toBe(text);
    }
  });

  it("tells an absent default from null", () => {
    const parse = (payload: Record<string, unknown>): unknown =>
      parseMessage(toFrame("TASK_NEEDS_INPUT", payload)).payload;
    expect(parse(minimal.TASK_NEEDS_INPUT)).not.toHaveProperty("default");
    expect(parse({ ...minimal.TASK_NEEDS_INPUT, onTimeout: "default", default: null })).toHaveProperty("default", null);
  });

  it("bounds output at 1 MiB exactly", () => {
    const complete = (length: number): Record<string, unknown> => ({
      ...minimal.TASK_COMPLETE,
      output: "x".repeat(length),
    });
    expect(parseMessage(toFrame("TASK_COMPLETE", complete(1_048_574))).name).toBe("TASK_COMPLETE");
    expect(refusal("TASK_COMPLETE", complete(1_048_575)).details).toMatchObject([{ path: "output" }]);
  });

  it("reads the binary frames, and misses a channel that is cut", () => {
    const frame = encodeMessage("DOC_AWARENESS", { channel: 0xffff_fffe, data: new Uint8Array([1, 2]) });
    expect(parseMessage(frame).payload).toEqual({ channel: 0xffff_fffe, data: new Uint8Array([1, 2]) });
    const error = catchError(() => parseMessage({ type: frame.type, payload: new Uint8Array(3) }));
    expect(error).toMatchObject({ code: "invalid_argument", details: [{ path: "channel" }] });
  });

  it("has no form for a cycle", () => {
    const output: unknown[] = [];
    output.push(output);
    expect(() => encodeMessage("TASK_COMPLETE", { id: "r1", ...about, output })).toThrow(AppError);
  });
});

describe("request ids", () => {
  it("are strings of 1 to 64 code points", () => {
    for (const id of ["r", "x".repeat(64), "😀".repeat(64)]) {
      expect(readRequestId({ id })).toBe(id);
      expect(parseMessage(toFrame("AGENT_DEREGISTER", { id })).payload).toEqual({ id });
    }
    for (const id of ["", "x".repeat(65), "😀".repeat(65), 7, null, {}, undefined]) {
      expect(readRequestId({ id })).toBeUndefined();
      expect(refusal("AGENT_DEREGISTER", { id }).code).toBe("invalid_argument");
    }
  });

  it("are read from a frame whatever else is wrong with it", () => {
    expect(readFrameRequestId({ type: 0xf001, payload: new TextEncoder().encode('{"id":"r9"}') })).toBe("r9");
    expect(readFrameRequestId({ type: 0xf001, payload: new Uint8Array([1]) })).toBeUndefined();
  });

  it("are read from what is refused for its depth or its numbers", () => {
    const idOf = (text: string): string | undefined =>
      readFrameRequestId({ type: 1, payload: new TextEncoder().encode(text) });
    expect(idOf(`{"a":{"id":"no"},"id":"r1","b":${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}}`)).toBe("r1");
    expect(idOf('{"n":[1e999,{"id":"no"}],"id":"r\\"{[2","m":-1e999}')).toBe('r"{[2');
    expect(idOf('{"a":[{"x":"\\\\"},"]}\\""],"id":"r3"}')).toBe("r3");
    expect(idOf('{"a":{"id":"no"}}')).toBeUndefined();
    expect(idOf('[{"id":"no"}]')).toBeUndefined();
  });
});

describe("assertWellFormed", () => {
  const code = (name: MessageName, text: string): string | undefined => {
    try {
      assertWellFormed("client", { type: messageTypes[name], payload: new TextEncoder().encode(text) });
      return undefined;
    } catch (error) {
      return error instanceof AppError ? error.code : "none of ours";
    }
  };

  it("refuses what is no JSON object where one is due, and nothing else", () => {
    expect(code("TASK_GET", "[1]")).toBe("protocol_violation");
    expect(code("TASK_GET", "{}")).toBeUndefined();
    expect(code("TASK_GET", '{"a":1e999}')).toBeUndefined();
    expect(code("TASK_STATUS", "[1]")).toBeUndefined();
    expect(code("DOC_UPDATE", "[1]")).toBeUndefined();
  });
});

describe("parsePayload", () => {
  const codeOf = (payload: string | Uint8Array): string =>
    catchError(() => parsePayload({ type: 1, payload: typeof payload === "string" ? Buffer.from(payload) : payload }))
      .code;

  it("refuses what is no JSON object in UTF-8", () => {
    for (const text of [
      "",
      " ",
      "{",
      "{}{}",
      "[]",
      "null",
      "1",
      '"x"',
      "nope",
      "\ufeff{}",
      "{'a':1}",
      '{"a":NaN}',
      '{"a":01}',
    ]) {
      expect(codeOf(text), text).toBe("protocol_violation");
    }
    for (const bytes of [
      [0x7b, 0xff, 0x7d],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
    ]) {
      expect(codeOf(new Uint8Array(bytes))).toBe("protocol_violation");
    }
  });

  it("lets JSON nest 512 levels and no deeper", () => {
    const nested = (levels: number): string => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    expect(parsePayload({ type: 1, payload: Buffer.from(nested(512)) })).toHaveProperty("a");
    expect(codeOf(nested(513))).toBe("invalid_argument");
    expect(codeOf(nested(4_000_000))).toBe("invalid_argument");
    expect(codeOf(`{"a":${"[".repeat(9_000_000)}`)).toBe("protocol_violation");
    expect(codeOf(`${"[".repeat(600)}${"]".repeat(600)}`)).toBe("protocol_violation");
    const inString = JSON.stringify({ a: `\\"${"[{".repeat(2000)}` });
    expect(parsePayload({ type: 1, payload: Buffer.from(inString) })).toHaveProperty("a");
  });

  it("refuses numbers that are not finite, wherever they are", () => {
    for (const number of [
      "1e999",
      "-1e999",
      "1E+400",
      "1e0000400",
      `${"9".repeat(310)}`,
      `${"9".repeat(250)}e99`,
      "12.5e308",
    ]) {
      for (const text of [`{"a":${number}}`, `{"a":[1, ${number}]}`, `{"a":{"b":[{"c":${number}}]}}`]) {
        expect(codeOf(text), text.slice(0, 40)).toBe("invalid_argument");
      }
    }
    for (const text of ['{"a":1e308}', '{"a":1e-999}', '{"a":"x:1e999"}', '{"a":" 1e999"}']) {
      expect(parsePayload({ type: 1, payload: Buffer.from(text) })).toEqual(JSON.parse(text));
    }
  });

  it("gives back any JSON object", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parsePayload({ type: 1, payload: Buffer.from(text) }))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it("survives any bytes under any type", () => {
    const json = fc.dictionary(fc.constantFrom("id", "re", "fence", "task", "seq", "to", "topics"), fc.jsonValue());
    const payload = fc.oneof(
      fc.uint8Array(),
      json.map((value) => new TextEncoder().encode(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(fc.constantFrom(...messageNames.keys()), payload, (type, bytes) => {
        try {
          parseMessage({ type, payload: bytes });
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function toFrame(name: MessageName, payload: unknown): { type: number; payload: Uint8Array } {
  return { type: messageTypes[name], payload: new TextEncoder().encode(JSON.stringify(payload)) };
}

function refusal(name: MessageName, payload: unknown): AppError {
  return catchError(() => parseMessage(toFrame(name, payload)));
}

function catchError(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

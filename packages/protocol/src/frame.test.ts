import { readFileSync } from "node:fs";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { AppError } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeMessage,
  decodeMessageAsync,
  encodeBatch,
  encodeFrame,
  encodeFrames,
  type Frame,
  HEADER_BYTES,
  isCostlyToDecode,
  MAX_BATCH_BYTES,
  MAX_BATCH_FRAMES,
  MAX_MESSAGE_BYTES,
  parseMessage,
} from "./index.ts";

// Copied from docs/protocol.md.
const fixtures = {
  ping: "0100000300000021000000007b226174223a22323032362d30312d30315430303a30303a30302e3030305a227d",
  accept: "0100020200000029000000007b226964223a227231222c2261737369676e6d656e744964223a226131222c2266656e6365223a337d",
  gzipAck: "010100060000001d000000001f8b08000000000000ffab562a4e2d54b232af0500eb1bd3f309000000",
  batch: "010200000000002a000000000100000600000009000000007b22736571223a377d0100000600000009000000007b22736571223a387d",
  gzipBatch:
    "010300000000002c000000001f8b08000000000000ff63646060636060e00462866aa5e2d442252bf35a464c418b5a00b26532e72a000000",
  docUpdate: "010004030000000600000000000000020000",
};

const ack = hex(fixtures.batch).subarray(12, 33);

describe("fixtures of docs/protocol.md", () => {
  it("are in the document", () => {
    const text = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8").replaceAll(/\s/g, "");
    for (const fixture of Object.values(fixtures)) expect(text).toContain(fixture);
  });

  it("decode to the messages that the document names", () => {
    expect(payloads(fixtures.ping)).toEqual([{ at: "2026-01-01T00:00:00.000Z" }]);
    expect(payloads(fixtures.accept)).toEqual([{ id: "r1", assignmentId: "a1", fence: 3 }]);
    expect(payloads(fixtures.gzipAck)).toEqual([{ seq: 7 }]);
    expect(payloads(fixtures.batch)).toEqual([{ seq: 7 }, { seq: 8 }]);
    expect(payloads(fixtures.gzipBatch)).toEqual([{ seq: 7 }, { seq: 8 }]);
    expect(payloads(fixtures.docUpdate)).toEqual([{ channel: 2, data: new Uint8Array(2) }]);
  });

  it("are what the encoder makes of them", () => {
    for (const name of ["ping", "accept", "docUpdate"] as const) {
      const [frame] = decodeMessage(hex(fixtures[name]));
      if (frame === undefined) throw new Error("a fixture holds a frame");
      expect(toHex(encodeFrame(frame))).toBe(fixtures[name]);
    }
    expect(toHex(encodeBatch(decodeMessage(hex(fixtures.batch))))).toBe(fixtures.batch);
  });

  it("are refused when cut anywhere, or followed by a byte", async () => {
    for (const fixture of Object.values(fixtures)) {
      const bytes = hex(fixture);
      for (let end = 0; end < bytes.length; end++) {
        expect(refusal(bytes.subarray(0, end)), `${end} bytes`).toBe("protocol_violation");
      }
      expect(refusal(concat(bytes, new Uint8Array(1)))).toBe("protocol_violation");
      await expect(decodeMessageAsync(bytes.subarray(0, -1))).rejects.toThrow(AppError);
    }
  });

  it("are refused when their content is cut anywhere and the size says so", () => {
    for (const name of ["gzipAck", "batch", "gzipBatch"] as const) {
      const bytes = hex(fixtures[name]);
      const flags = bytes[1] ?? 0;
      const type = name === "gzipAck" ? 6 : 0;
      for (let end = 12; end < bytes.length; end++) {
        const isWholeFrame = name === "batch" && end === 12 + 21;
        if (isWholeFrame) continue;
        expect(refusal(raw(flags, type, bytes.subarray(12, end))), `${name} ${end}`).toBe("protocol_violation");
      }
    }
  });
});

describe("malformed frames", () => {
  const inner = (flags: number, type: number): Uint8Array => raw(2, 0, raw(flags, type, new Uint8Array()));
  const member = gzipSync("{}");
  const cases: Record<string, Uint8Array> = {
    "empty message": new Uint8Array(),
    "version 0": patched(ack, 0, 0),
    "version 2": patched(ack, 0, 2),
    "unknown flag": patched(ack, 1, 4),
    "highest flag": patched(ack, 1, 0x80),
    "non-zero reserved": patched(ack, 11, 1),
    "size too small": patched(ack, 7, 8),
    "size too large": patched(ack, 7, 10),
    "size of 4 GiB": patched(ack, 4, 0xff),
    "type 0 without batch": raw(0, 0, new Uint8Array()),
    "batch of another type": raw(2, 6, ack),
    "empty batch": raw(2, 0, new Uint8Array()),
    "empty compressed batch": raw(3, 0, gzipSync("")),
    "nested batch": raw(2, 0, raw(2, 0, ack)),
    "nested batch of another type": inner(2, 6),
    "type 0 inside a batch": inner(0, 0),
    "wrong version inside a batch": raw(2, 0, patched(ack, 0, 3)),
    "unknown flag inside a batch": inner(8, 6),
    "reserved inside a batch": raw(2, 0, patched(ack, 8, 1)),
    "second frame cut": raw(2, 0, concat(ack, ack.subarray(0, 15))),
    "bytes after the frames of a batch": raw(2, 0, concat(ack, new Uint8Array(3))),
    "bad gzip in the second frame": raw(2, 0, concat(ack, raw(1, 6, new Uint8Array([1, 2])))),
    "compressed frame in a compressed batch": raw(3, 0, gzipSync(raw(1, 6, member))),
    "no gzip at all": raw(1, 6, new TextEncoder().encode('{"seq":7}')),
    "empty gzip": raw(1, 6, new Uint8Array()),
    "zero after gzip": raw(1, 6, concat(member, new Uint8Array(1))),
    "bytes after gzip": raw(1, 6, concat(member, new Uint8Array([7, 7, 7]))),
    "second gzip member": raw(1, 6, concat(member, member)),
    "wrong gzip checksum": raw(1, 6, patched(member, member.length - 8, (member[member.length - 8] ?? 0) ^ 1)),
    "wrong gzip length": raw(1, 6, patched(member, member.length - 4, 9)),
    "gzip method": raw(1, 6, patched(member, 2, 7)),
    "reserved gzip flag": raw(1, 6, patched(member, 3, 0x20)),
    "gzip extra field past the end": raw(
      1,
      6,
      concat(patched(member.subarray(0, 10), 3, 4), new Uint8Array([255, 255])),
    ),
    "gzip name without end": raw(1, 6, concat(patched(member.subarray(0, 10), 3, 8), new Uint8Array([65]))),
    "broken deflate stream": raw(1, 6, patched(member, 10, 0xff)),
  };

  for (const [name, bytes] of Object.entries(cases)) {
    it(`refuses: ${name}`, async () => {
      expect(refusal(bytes)).toBe("protocol_violation");
      await expect(decodeMessageAsync(bytes)).rejects.toMatchObject({ code: "protocol_violation" });
    });
  }
});

describe("gzip", () => {
  it("accepts every optional header field, and payloads of any size", () => {
    const text = new TextEncoder().encode("{}");
    const head = new Uint8Array([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9, 65, 0, 66, 0]);
    const trailer = new Uint8Array(8);
    new DataView(trailer.buffer).setUint32(0, crc32(text), true);
    new DataView(trailer.buffer).setUint32(4, text.length, true);
    const sum = crc32(head) & 0xffff;
    const rest = concat(new Uint8Array([sum & 255, sum >> 8]), concat(deflateRawSync(text), trailer));
    expect(decodeMessage(raw(1, 6, concat(head, rest)))[0]?.payload).toEqual(Buffer.from(text));
    expect(refusal(raw(1, 6, concat(patched(head, 14, 67), rest)))).toBe("protocol_violation");
  });

  it("inflates up to 10 MiB exactly and not a byte more", async () => {
    const fits = raw(1, 6, gzipSync(new Uint8Array(MAX_MESSAGE_BYTES)));
    const bomb = raw(1, 6, gzipSync(new Uint8Array(MAX_MESSAGE_BYTES + 1)));
    expect(isCostlyToDecode(fits)).toBe(true);
    expect(decodeMessage(fits)[0]?.payload.byteLength).toBe(MAX_MESSAGE_BYTES);
    expect((await decodeMessageAsync(fits))[0]?.payload.byteLength).toBe(MAX_MESSAGE_BYTES);
    expect(refusal(bomb)).toBe("resource_exhausted payload_too_large");
    await expect(decodeMessageAsync(bomb)).rejects.toMatchObject({ reason: "payload_too_large" });
  });

  it("counts what all frames of a batch inflate to together", () => {
    const half = raw(1, 6, gzipSync(new Uint8Array(MAX_MESSAGE_BYTES / 2)));
    expect(decodeMessage(raw(2, 0, concat(half, half)))).toHaveLength(2);
    const more = concat(concat(half, half), raw(1, 6, gzipSync("x")));
    expect(refusal(raw(2, 0, more))).toBe("resource_exhausted payload_too_large");
  });

  it("bounds the frames of a batch", () => {
    const empty = { type: 6, payload: new Uint8Array() };
    const full = encodeBatch(new Array<Frame>(MAX_BATCH_FRAMES).fill(empty));
    expect(decodeMessage(full)).toHaveLength(MAX_BATCH_FRAMES);
    const bytes = new Uint8Array((MAX_BATCH_FRAMES + 1) * HEADER_BYTES);
    const header = raw(0, 6, new Uint8Array());
    for (let offset = 0; offset < bytes.length; offset += HEADER_BYTES) bytes.set(header, offset);
    expect(refusal(raw(2, 0, bytes))).toBe("resource_exhausted payload_too_large");
    expect(() => encodeBatch(new Array<Frame>(MAX_BATCH_FRAMES + 1).fill(empty))).toThrow(/100000 frames/);
  });

  it("honours a smaller limit and refuses a message above it", () => {
    expect(() => decodeMessage(ack, { maxMessageBytes: ack.length - 1 })).toThrow(/exceeds the limit of 20/);
    expect(decodeMessage(ack, { maxMessageBytes: ack.length })).toHaveLength(1);
    expect(decodeMessage(raw(0, 6, new Uint8Array(MAX_MESSAGE_BYTES - HEADER_BYTES)))).toHaveLength(1);
    expect(refusal(raw(0, 6, new Uint8Array(MAX_MESSAGE_BYTES - HEADER_BYTES + 1)))).toMatch(/payload_too_large/);
  });
});

describe("encoding", () => {
  const compressible = (bytes: number): Frame => ({ type: 6, payload: new Uint8Array(bytes) });

  it("compresses above 1,024 bytes, and only where that makes it smaller", () => {
    expect(encodeFrame(compressible(1024))[1]).toBe(0);
    expect(encodeFrame(compressible(1025))[1]).toBe(1);
    const noise = { type: 6, payload: gzipSync(crypto.getRandomValues(new Uint8Array(4000))) };
    expect(encodeFrame(noise)[1]).toBe(0);
  });

  it("sends nothing for nothing, one frame unbatched, several as one batch", () => {
    expect(encodeFrames([])).toEqual([]);
    expect(flagsOf(encodeFrames([compressible(5)]))).toEqual([0]);
    expect(flagsOf(encodeFrames([compressible(5), compressible(6)]))).toEqual([2]);
    expect(flagsOf(encodeFrames([compressible(600), compressible(600)]))).toEqual([3]);
    expect(() => encodeBatch([])).toThrow(/at least one/);
  });

  it("splits at 1 MiB in order, with a larger frame alone, off the main thread", async () => {
    const sizes = [400_000, 600_000, 50_000, 2_000_000, 7, 8];
    const frames = sizes.map((size, index) => ({ type: index + 1, payload: new Uint8Array(size).fill(index) }));
    const encoded = encodeFrames(frames);
    expect(encoded).toBeInstanceOf(Promise);
    const messages = await encoded;
    const decoded = messages.map((message) => decodeMessage(message));
    expect(decoded.map((group) => group.map((frame) => frame.type))).toEqual([[1, 2], [3], [4], [5, 6]]);
    expect(decoded.flat().map((frame) => frame.payload.byteLength)).toEqual(sizes);
  });

  it("fills a message to 1 MiB exactly", async () => {
    const size = (MAX_BATCH_BYTES - 3 * HEADER_BYTES) / 2;
    expect(await encodeFrames([compressible(size), compressible(size)])).toHaveLength(1);
    expect(await encodeFrames([compressible(size), compressible(size + 1)])).toHaveLength(2);
  });

  it("refuses what a receiver would refuse", () => {
    const tooLarge = compressible(MAX_MESSAGE_BYTES - HEADER_BYTES + 1);
    for (const encode of [() => encodeFrame(tooLarge), () => encodeBatch([tooLarge]), () => encodeFrames([tooLarge])]) {
      expect(encode).toThrow(/exceeds the limit/);
    }
    expect(() => encodeFrame({ type: 0, payload: new Uint8Array() })).toThrow(/assertion/);
  });
});

describe("generated messages", () => {
  const frame = fc.record({
    type: fc.integer({ min: 1, max: 0xffff }),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1000, max: 3000 }).map((n) => new Uint8Array(n)),
    ),
  });

  it("come back as they were, by every way of encoding and decoding", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
        const expected = frames.map(plain);
        expect(decodeMessage(encodeBatch(frames)).map(plain)).toEqual(expected);
        const messages = await encodeFrames(frames);
        expect(messages.flatMap((message) => decodeMessage(message)).map(plain)).toEqual(expected);
        expect((await decodeMessageAsync(encodeBatch(frames))).map(plain)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it("as garbage are refused with an AppError, never otherwise", () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.constantFrom(...Object.values(fixtures)), fc.nat(60), fc.nat(255)).map(([fixture, at, byte]) => {
        const bytes = hex(fixture);
        return patched(bytes, at % bytes.length, byte);
      }),
      fc
        .tuple(fc.nat(3), fc.nat(8), fc.uint8Array({ maxLength: 60 }))
        .map(([flags, type, rest]) => raw(flags, type, rest)),
    );
    fc.assert(
      fc.property(garbage, (bytes) => {
        try {
          for (const frame of decodeMessage(bytes)) parseMessage(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 4000 },
    );
  });
});

function payloads(fixture: string): unknown[] {
  return decodeMessage(hex(fixture)).map((frame) => parseMessage(frame).payload);
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeMessage(bytes);
  } catch (error) {
    if (error instanceof AppError) return error.reason === undefined ? error.code : `${error.code} ${error.reason}`;
    throw error;
  }
  return "accepted";
}

/** A frame with any flags and type, right or wrong. */
function raw(flags: number, type: number, payload: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(12));
  header.setUint8(0, 1);
  header.setUint8(1, flags);
  header.setUint16(2, type);
  header.setUint32(4, payload.byteLength);
  return concat(new Uint8Array(header.buffer), payload);
}

function patched(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = byte;
  return copy;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.byteLength + b.byteLength);
  all.set(a);
  all.set(b, a.byteLength);
  return all;
}

function flagsOf(messages: Uint8Array[] | Promise<Uint8Array[]>): (number | undefined)[] {
  if (messages instanceof Promise) throw new Error("small messages are encoded at once");
  return messages.map((message) => message[1]);
}

function plain(frame: Frame): { type: number; payload: string } {
  return { type: frame.type, payload: toHex(frame.payload) };
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

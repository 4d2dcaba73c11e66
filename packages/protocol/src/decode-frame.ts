import { AppError } from "@devmesh/models";
import {
  BATCH_TYPE,
  FLAG_BATCH,
  FLAG_GZIP,
  type Frame,
  HEADER_BYTES,
  MAX_BATCH_FRAMES,
  MAX_MESSAGE_BYTES,
  OFF_THREAD_ABOVE_BYTES,
} from "./frame.ts";
import { claimedInflatedBytes, inflateMember, inflateMemberOffThread, overLimit, payloadTooLarge } from "./gzip.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/** What a peer may make us allocate. */
export interface DecodeLimits {
  /** Bound of the message as sent, and again of all that it inflates to together. */
  readonly maxMessageBytes: number;
}

const defaultLimits: DecodeLimits = { maxMessageBytes: MAX_MESSAGE_BYTES };

/**
 * Decodes one WebSocket message into its frames, in the order of sending; one, unless it is a BATCH. All of it is
 * checked before anything is returned. Payloads that were not compressed share memory with `data`.
 *
 * @throws AppError `protocol_violation` for what is malformed (close 1002); `resource_exhausted`, reason
 * `payload_too_large`, past a limit (close 1009), without having allocated more than it.
 */
export function decodeMessage(data: Uint8Array, limits: DecodeLimits = defaultLimits): Frame[] {
  const steps = decodeSteps(data, limits);
  let step = steps.next();
  while (step.done !== true) step = steps.next(inflateMember(step.value.bytes, step.value.maxBytes));
  return step.value;
}

/**
 * {@link decodeMessage} that inflates what is large, or claims to become so, off the main thread. Worth it where
 * {@link isCostlyToDecode}; the order of messages is then the caller's to keep. `data` must not change until it settles.
 */
export async function decodeMessageAsync(data: Uint8Array, limits: DecodeLimits = defaultLimits): Promise<Frame[]> {
  const steps = decodeSteps(data, limits);
  let step = steps.next();
  while (step.done !== true) {
    const { bytes, maxBytes } = step.value;
    const inflated = isLarge(bytes) ? await inflateMemberOffThread(bytes, maxBytes) : inflateMember(bytes, maxBytes);
    step = steps.next(inflated);
  }
  return step.value;
}

/** True where inflating the message would hold the main thread: more than 64 KiB compressed, or claimed inflated. */
export function isCostlyToDecode(data: Uint8Array): boolean {
  if (data.byteLength <= HEADER_BYTES) return false;
  const flags = data[1] ?? 0;
  if ((flags & FLAG_GZIP) !== 0) return isLarge(data);
  // an uncompressed batch may hold many compressed frames
  return (flags & FLAG_BATCH) !== 0 && data.byteLength > OFF_THREAD_ABOVE_BYTES;
}

function isLarge(gzip: Uint8Array): boolean {
  return gzip.byteLength > OFF_THREAD_ABOVE_BYTES || claimedInflatedBytes(gzip) > OFF_THREAD_ABOVE_BYTES;
}

/** What the decoder asks of whoever drives it, here or on another thread: it is resumed with the inflated bytes. */
interface InflateStep {
  readonly bytes: Uint8Array;
  readonly maxBytes: number;
}

interface RawFrame {
  readonly flags: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

function* decodeSteps(data: Uint8Array, limits: DecodeLimits): Generator<InflateStep, Frame[], Uint8Array> {
  if (data.byteLength > limits.maxMessageBytes) {
    throw payloadTooLarge(`message of ${data.byteLength} bytes`, limits.maxMessageBytes);
  }
  const outer = readFrame(data, 0);
  if (outer.payload.byteLength !== data.byteLength - HEADER_BYTES) throw malformed("bytes after the frame");
  const isBatch = (outer.flags & FLAG_BATCH) !== 0;
  if (isBatch !== (outer.type === BATCH_TYPE)) {
    throw malformed(isBatch ? `batch of type ${outer.type}` : "type 0 without BATCH");
  }

  let budget = limits.maxMessageBytes;
  const isCompressed = (outer.flags & FLAG_GZIP) !== 0;
  const payload = isCompressed ? yield { bytes: outer.payload, maxBytes: budget } : outer.payload;
  if (!isBatch) return [{ type: outer.type, payload }];

  const inner = readBatch(payload, isCompressed);
  const frames: Frame[] = [];
  for (const frame of inner) {
    if ((frame.flags & FLAG_GZIP) === 0) {
      frames.push({ type: frame.type, payload: frame.payload });
      continue;
    }
    const inflated = yield { bytes: frame.payload, maxBytes: budget };
    budget -= inflated.byteLength;
    frames.push({ type: frame.type, payload: inflated });
  }
  return frames;
}

function readBatch(bytes: Uint8Array, isCompressed: boolean): RawFrame[] {
  if (bytes.byteLength === 0) throw malformed("empty batch");
  const frames: RawFrame[] = [];
  for (let offset = 0; offset < bytes.byteLength; ) {
    if (frames.length === MAX_BATCH_FRAMES) throw overLimit("batch", `${MAX_BATCH_FRAMES} frames`);
    const frame = readFrame(bytes, offset);
    if ((frame.flags & FLAG_BATCH) !== 0) throw malformed("batch inside a batch");
    if (frame.type === BATCH_TYPE) throw malformed("type 0 inside a batch");
    if (isCompressed && (frame.flags & FLAG_GZIP) !== 0) throw malformed("compressed frame in a compressed batch");
    frames.push(frame);
    offset += HEADER_BYTES + frame.payload.byteLength;
  }
  return frames;
}

/** Reads the frame at `offset`; its payload is a view. Twin of `writeFrame` in encode-frame.ts. */
function readFrame(bytes: Uint8Array, offset: number): RawFrame {
  const available = bytes.byteLength - offset;
  if (available < HEADER_BYTES) throw malformed(`header of ${available} bytes, ${HEADER_BYTES} are due`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, HEADER_BYTES);
  const version = view.getUint8(0);
  if (version !== PROTOCOL_VERSION) throw malformed(`version ${version}, ${PROTOCOL_VERSION} is due`);
  const flags = view.getUint8(1);
  if ((flags & ~(FLAG_GZIP | FLAG_BATCH)) !== 0) throw malformed(`unknown flags 0x${flags.toString(16)}`);
  const type = view.getUint16(2);
  const size = view.getUint32(4);
  if (view.getUint32(8) !== 0) throw malformed("reserved bytes are not zero");
  if (size > available - HEADER_BYTES) throw malformed(`size ${size}, ${available - HEADER_BYTES} bytes follow`);
  const start = offset + HEADER_BYTES;
  return { flags, type, payload: bytes.subarray(start, start + size) };
}

function malformed(what: string): AppError {
  return new AppError("protocol_violation", `malformed frame: ${what}`);
}

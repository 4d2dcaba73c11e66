import { assert } from "@devmesh/models";
import {
  BATCH_TYPE,
  COMPRESS_ABOVE_BYTES,
  FLAG_BATCH,
  FLAG_GZIP,
  type Frame,
  HEADER_BYTES,
  MAX_BATCH_BYTES,
  MAX_BATCH_FRAMES,
  MAX_MESSAGE_BYTES,
  OFF_THREAD_ABOVE_BYTES,
} from "./frame.ts";
import { compressIfSmaller, compressIfSmallerOffThread, overLimit, payloadTooLarge } from "./gzip.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/**
 * Encodes one frame as one message. A payload above {@link COMPRESS_ABOVE_BYTES} is compressed where that makes it
 * smaller, on this thread: {@link encodeFrames} is the way for what may be large.
 *
 * @throws AppError `resource_exhausted`, reason `payload_too_large`, for what a receiver would refuse.
 */
export function encodeFrame(frame: Frame): Uint8Array {
  return finishMessage(toPlan([frame]), compressIfSmaller);
}

/**
 * Encodes frames as one BATCH message, in order, compressed as a whole as {@link encodeFrame} does; the frames inside
 * are not compressed. `frames` must not be empty.
 *
 * @throws AppError `resource_exhausted`, reason `payload_too_large`
 */
export function encodeBatch(frames: readonly Frame[]): Uint8Array {
  assert(frames.length > 0, "a batch holds at least one frame");
  return finishMessage(toBatchPlan(frames), compressIfSmaller);
}

/**
 * Encodes what leaves in one turn, in order: nothing gives no message, one frame goes unbatched, several go as BATCH
 * messages of at most {@link MAX_BATCH_BYTES} before compression, each filled as far as order allows. A single larger
 * frame goes alone.
 *
 * Gives a promise if any message holds more than 64 KiB to compress: its gzip runs off the main thread, one message
 * after the other. The frames' payloads must not change until it settles, and what is sent later must wait for it.
 *
 * @throws AppError `resource_exhausted`, reason `payload_too_large`, if any frame is too large; then nothing is encoded.
 */
export function encodeFrames(frames: readonly Frame[]): Uint8Array[] | Promise<Uint8Array[]> {
  for (const frame of frames) assertFits(HEADER_BYTES + frame.payload.byteLength);
  const plans = groupFrames(frames).map(toPlan);
  if (plans.some((plan) => plan.payload.byteLength > OFF_THREAD_ABOVE_BYTES)) return encodeOffThread(plans);
  return plans.map((plan) => finishMessage(plan, compressIfSmaller));
}

/** A message before compression. */
interface Plan {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

async function encodeOffThread(plans: readonly Plan[]): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  for (const plan of plans) {
    const isLarge = plan.payload.byteLength > OFF_THREAD_ABOVE_BYTES;
    const packed = isLarge ? await compressIfSmallerOffThread(plan.payload) : undefined;
    messages.push(finishMessage(plan, packed === undefined ? compressIfSmaller : () => packed));
  }
  return messages;
}

function groupFrames(frames: readonly Frame[]): Frame[][] {
  const groups: Frame[][] = [];
  let group: Frame[] = [];
  let groupBytes = HEADER_BYTES;
  for (const frame of frames) {
    const frameBytes = HEADER_BYTES + frame.payload.byteLength;
    if (group.length > 0 && groupBytes + frameBytes > MAX_BATCH_BYTES) {
      groups.push(group);
      group = [];
      groupBytes = HEADER_BYTES;
    }
    group.push(frame);
    groupBytes += frameBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

function toPlan(frames: readonly Frame[]): Plan {
  const [only] = frames;
  if (frames.length !== 1 || only === undefined) return toBatchPlan(frames);
  assertType(only.type);
  return { type: only.type, flags: 0, payload: only.payload };
}

function toBatchPlan(frames: readonly Frame[]): Plan {
  const bytes = frames.reduce((sum, frame) => sum + HEADER_BYTES + frame.payload.byteLength, 0);
  assertFits(HEADER_BYTES + bytes);
  if (frames.length > MAX_BATCH_FRAMES) throw overLimit(`batch of ${frames.length}`, `${MAX_BATCH_FRAMES} frames`);
  const payload = new Uint8Array(bytes);
  let offset = 0;
  for (const frame of frames) {
    assertType(frame.type);
    writeFrame(payload, offset, { type: frame.type, flags: 0, payload: frame.payload });
    offset += HEADER_BYTES + frame.payload.byteLength;
  }
  return { type: BATCH_TYPE, flags: FLAG_BATCH, payload };
}

function finishMessage(plan: Plan, compress: (payload: Uint8Array) => Uint8Array): Uint8Array {
  const bytes = HEADER_BYTES + plan.payload.byteLength;
  assertFits(bytes);
  const packed = plan.payload.byteLength > COMPRESS_ABOVE_BYTES ? compress(plan.payload) : plan.payload;
  const flags = packed === plan.payload ? plan.flags : plan.flags | FLAG_GZIP;
  const message = new Uint8Array(HEADER_BYTES + packed.byteLength);
  writeFrame(message, 0, { type: plan.type, flags, payload: packed });
  return message;
}

/** Twin of `readHeader` in decode-frame.ts: version, flags, type, size, reserved. */
function writeFrame(target: Uint8Array, at: number, plan: Plan): void {
  const view = new DataView(target.buffer, target.byteOffset + at, HEADER_BYTES);
  view.setUint8(0, PROTOCOL_VERSION);
  view.setUint8(1, plan.flags);
  view.setUint16(2, plan.type);
  view.setUint32(4, plan.payload.byteLength);
  view.setUint32(8, 0);
  target.set(plan.payload, at + HEADER_BYTES);
}

function assertType(type: number): void {
  assert(Number.isInteger(type) && type > BATCH_TYPE && type <= 0xffff, `frame type ${type} lies in 1 to 65535`);
}

function assertFits(bytes: number): void {
  if (bytes > MAX_MESSAGE_BYTES) throw payloadTooLarge(`message of ${bytes} bytes`, MAX_MESSAGE_BYTES);
}

import { AppError, assert } from "@devmesh/models";
import { z } from "zod";

/** Names an open document on one connection: an unsigned integer of 32 bits. */
export const channelSchema = z.int().min(0).max(0xffff_ffff);

/**
 * The payload of the two binary frames, DOC_UPDATE (0x0403) and DOC_AWARENESS (0x0404), both ways.
 *
 * | offset | bytes | field   | meaning                                                            |
 * |--------|-------|---------|--------------------------------------------------------------------|
 * | 0      | 4     | channel | big endian, from DOC_OPENED                                        |
 * | 4      | rest  | data    | one update, or presence data; its encoding is the document kind's  |
 */
export interface ChannelFrame {
  readonly channel: number;
  readonly data: Uint8Array;
}

const channelBytes = 4;

/** The payload of a binary message: its channel, then its bytes. */
export function encodeChannelFrame(frame: ChannelFrame): Uint8Array {
  assert(channelSchema.safeParse(frame.channel).success, `channel ${frame.channel} is an unsigned integer of 32 bits`);
  const bytes = new Uint8Array(channelBytes + frame.data.byteLength);
  new DataView(bytes.buffer).setUint32(0, frame.channel);
  bytes.set(frame.data, channelBytes);
  return bytes;
}

/**
 * Reads the payload of a binary frame. `data` shares memory with it and may be empty.
 *
 * @throws AppError `invalid_argument` if the channel is cut short: the frame lacks a field.
 */
export function decodeChannelFrame(payload: Uint8Array): ChannelFrame {
  if (payload.byteLength < channelBytes) {
    const message = `payload of ${payload.byteLength} bytes, 4 bytes of channel are due`;
    throw new AppError("invalid_argument", `channel: ${message}`, { details: [{ path: "channel", message }] });
  }
  const view = new DataView(payload.buffer, payload.byteOffset, channelBytes);
  return { channel: view.getUint32(0), data: payload.subarray(channelBytes) };
}

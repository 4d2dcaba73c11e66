/**
 * The frame: twelve bytes of header, big endian, then the payload. docs/protocol.md is normative.
 *
 * | offset | bytes | field    | meaning                                       |
 * |--------|-------|----------|-----------------------------------------------|
 * | 0      | 1     | version  | 1                                             |
 * | 1      | 1     | flags    | bit 0 GZIP, bit 1 BATCH, others zero          |
 * | 2      | 2     | type     | message type; 0 in a BATCH and nowhere else   |
 * | 4      | 4     | size     | payload bytes that follow, after compression  |
 * | 8      | 4     | reserved | zero                                          |
 */
export const HEADER_BYTES = 12;

/** The payload is gzip (RFC 1952), one member, nothing after it. */
export const FLAG_GZIP = 0b01;
/** The payload, once inflated, is a concatenation of whole frames. */
export const FLAG_BATCH = 0b10;
/** The type of a BATCH frame, which no other frame has. */
export const BATCH_TYPE = 0x0000;

/** Bound of one message as sent, header included, and of all that it inflates to together: 10 MiB. */
export const MAX_MESSAGE_BYTES = 10_485_760;
/** A sender compresses payloads larger than this, where that makes them smaller. */
export const COMPRESS_ABOVE_BYTES = 1024;
/** Above this, compressed or not yet, gzip runs off the main thread in the functions that may return a promise. */
export const OFF_THREAD_ABOVE_BYTES = 65_536;
/** What leaves together is split so that no message is larger than this before compression, a single frame aside. */
export const MAX_BATCH_BYTES = 1_048_576;

/**
 * Bound of the frames in one batch. A frame costs its reader far more memory than its twelve bytes: 10 MiB of empty ones
 * took 0.3 s and 330 MB. No batch of at most {@link MAX_BATCH_BYTES} reaches it.
 */
export const MAX_BATCH_FRAMES = 100_000;

/** One message as the application sees it: `payload` is inflated. */
export interface Frame {
  /** 0x0001 to 0xFFFF. */
  readonly type: number;
  readonly payload: Uint8Array;
}

export { type CloseCode, closeCodes } from "./close-codes.ts";
export { type DecodeLimits, decodeMessage, decodeMessageAsync, isCostlyToDecode } from "./decode-frame.ts";
export { encodeBatch, encodeFrame, encodeFrames } from "./encode-frame.ts";
export {
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
export {
  assertWellFormed,
  encodeMessage,
  type Message,
  type PayloadInput,
  type PayloadOf,
  parseMessage,
  parseMessageFrom,
} from "./message.ts";
export {
  type BinaryMessageName,
  type Direction,
  directionOf,
  groupOf,
  isBinary,
  type JsonMessageName,
  type MessageGroup,
  type MessageName,
  messageGroups,
  messageNames,
  messageSchemas,
  messageTypes,
} from "./messages/catalogue.ts";
export { type ChannelFrame, decodeChannelFrame, encodeChannelFrame } from "./messages/doc-channel.ts";
export { documentKinds } from "./messages/doc-open.ts";
export { isRequestId, parsePayload, readFrameRequestId, readRequestId } from "./payload.ts";
export { PROTOCOL_VERSION, subprotocol } from "./version.ts";

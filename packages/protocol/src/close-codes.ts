/** Why a side closes the WebSocket: RFC 6455, section 7.4, and 4xxx of our own. The table is in docs/protocol.md. */
export const closeCodes = {
  /** The agent left, or was deregistered. */
  normal: 1000,
  /** A malformed frame. */
  malformed: 1002,
  /** A text message. */
  textMessage: 1003,
  /** No HELLO in time. */
  noHello: 1008,
  tooLarge: 1009,
  internal: 1011,
  /** The node drains; GOODBYE came before. */
  draining: 1012,
  /** The client reads too slowly. */
  slowReader: 1013,
  /** The credential expired or was revoked. */
  credentialEnded: 4401,
  agentRevoked: 4403,
  /** Three heartbeats without a byte. */
  dead: 4408,
  /** A newer connection of the same agent took over. */
  replaced: 4409,
} as const;

/** One of {@link closeCodes}. */
export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];

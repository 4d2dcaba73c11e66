import { defaultNodeLeaseMs } from "@devmesh/agents";

/** Unanswered requests of one connection; WELCOME tells the client. */
export const maxInFlight = 1_000;
/** Payload bytes of one connection's requests under way: past it nothing more is read from its socket. Judgement. */
export const maxInFlightBytes = 33_554_432;
/** Unsent bytes or frames of one connection past which nothing more is assigned to it. */
export const slowAboveBytes = 4_194_304;
export const slowAboveFrames = 1_000;
/** Unsent bytes past which the connection is closed with 1013. */
export const closeAboveBytes = 16_777_216;
/** How long the closing handshake may take until the socket is destroyed. Judgement: a round trip on a bad line. */
export const closeTimeoutMs = 5_000;
/** Frames of one message handled in one turn of the event loop, so that a large batch of one holds up no other. */
export const framesPerTurn = 256;

/** Requests and subscriptions of a node that wait for tasks at once. Judgement: each is some hundred bytes and a place in a look. */
export const maxTaskWatches = 20_000;

/** What happens now and then on a node, in milliseconds. */
export interface Intervals {
  /** Time for a client to say HELLO. */
  readonly helloMs: number;
  /** Between two looks at everybody's mailbox, in case a hint was lost. */
  readonly mailboxSweepMs: number;
  /** Between two writes of what was seen and acknowledged. */
  readonly touchMs: number;
  /** Between two checks of the credentials of open connections. */
  readonly credentialCheckMs: number;
  /** Between two looks at all awaited tasks, in case a hint was lost. */
  readonly taskRecheckMs: number;
  /** Lease of a node; renewed at half of it. */
  readonly nodeLeaseMs: number;
}

/** What the protocol's page and its operations say; only tests are in more of a hurry. */
export const intervals: Intervals = {
  helloMs: 10_000,
  mailboxSweepMs: 30_000,
  touchMs: 15_000,
  credentialCheckMs: 30_000,
  taskRecheckMs: 2_000,
  nodeLeaseMs: defaultNodeLeaseMs,
};

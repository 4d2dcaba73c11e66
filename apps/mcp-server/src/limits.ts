/** Unanswered requests of one connection; WELCOME tells the client. */
export const maxInFlight = 1_000;
/** Payload bytes of one connection's requests under way: past it nothing more is read from its socket. Judgement. */
export const maxInFlightBytes = 33_554_432;
/** Unsent bytes or frames of one connection past which nothing more is assigned to it. */
export const slowAboveBytes = 4_194_304;
export const slowAboveFrames = 1_000;
/** Unsent bytes past which the connection is closed with 1013. */
export const closeAboveBytes = 16_777_216;
/** Time for a client to say HELLO. */
export const helloMs = 10_000;
/** Pings in a row without an answer until a connection is dead. */
export const maxMissedHeartbeats = 3;
/** How long the closing handshake may take until the socket is destroyed. Judgement: a round trip on a bad line. */
export const closeTimeoutMs = 5_000;
/** Between two looks at everybody's mailbox, in case a hint was lost. */
export const mailboxSweepMs = 30_000;
/** Between two writes of what was seen and acknowledged. */
export const touchMs = 15_000;
/** Between two checks of the credentials of open connections. */
export const credentialCheckMs = 30_000;
/** Presence of a node; renewed at a third of it. */
export const nodeLeaseMs = 30_000;
/** Frames of one message handled in one turn of the event loop, so that a large batch of one holds up no other. */
export const framesPerTurn = 256;

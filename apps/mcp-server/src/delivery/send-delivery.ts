import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { encodeMessage, type Frame } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import type { AssignFrame, DeliveryFrame } from "../stores.ts";

const utf8 = new TextEncoder();

/** What can be sent of what was read. */
type SentFrame = Exclude<DeliveryFrame, { readonly kind: "later" }>;

interface Sending {
  /** How long ago, at most, it was read. */
  readonly sinceReadMs: number;
  readonly onUndeliverable: (connection: Connection, frame: AssignFrame) => void;
  readonly logger: Logger;
}

/** Sends one frame that carries `seq`, and gives its bytes. One that is too large for a message is told of, and left out. */
export function sendDelivery(connection: Connection, frame: SentFrame, sending: Sending): number {
  if (frame.kind === "assign" && frame.isTooLarge === true) {
    leaveOut(connection, frame, sending);
    return 0;
  }
  const encoded = toFrame(frame, sending.sinceReadMs);
  try {
    connection.sendFrame(encoded);
  } catch (error) {
    if (!(error instanceof AppError) || error.reason !== "payload_too_large") throw error;
    leaveOut(connection, frame, sending);
  }
  return encoded.payload.byteLength;
}

function leaveOut(connection: Connection, frame: SentFrame, { onUndeliverable, logger }: Sending): void {
  logger.warn({ ...connection.fields, seq: frame.seq, kind: frame.kind }, "frame is too large to be delivered");
  if (frame.kind === "assign") onUndeliverable(connection, frame);
}

function toFrame(frame: SentFrame, sinceReadMs: number): Frame {
  const { seq } = frame;
  // a mailbox keeps frames of any message type, with their payload as it goes out
  if (frame.kind === "mail")
    return { type: frame.type, payload: utf8.encode(JSON.stringify({ ...frame.payload, seq })) };
  const { assignmentId, fence, leaseMs, acceptMs, ageMs, task, traceparent } = frame;
  return encodeMessage("TASK_ASSIGN", {
    seq,
    assignmentId,
    fence,
    leaseMs,
    acceptMs,
    ...(ageMs !== undefined && { ageMs: ageMs + Math.ceil(sinceReadMs) }),
    task,
    ...(traceparent !== undefined && { traceparent }),
  });
}

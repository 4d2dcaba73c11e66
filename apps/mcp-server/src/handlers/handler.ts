import type { MessageName, PayloadOf } from "@devmesh/protocol";
import type { Connection } from "../connections/connection.ts";
import type { ServerContext } from "../server-context.ts";

/**
 * Handles one message of a client and sends the reply. What it throws, at once or later, becomes the ERROR that answers
 * the message.
 */
export type Handler<Name extends MessageName> = (
  context: ServerContext,
  connection: Connection,
  payload: PayloadOf<Name>,
) => Promise<void> | void;

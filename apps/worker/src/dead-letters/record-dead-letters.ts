import type { SqsQueue } from "@devmesh/adapters";
import type { DeadMessages } from "@devmesh/repositories";
import { toDied } from "./dead-message.ts";

/**
 * Enters each message that is given up into the view of dead letters before it goes to the dead-letter queue, marked so
 * that it is known again. Where it can't be entered it is not buried either, and comes again.
 */
export function recordDeadLetters<Queue extends SqsQueue>(
  queue: Queue,
  { store, queueName }: { readonly store: Pick<DeadMessages, "record">; readonly queueName: string },
): Queue {
  return {
    ...queue,
    deadLetter: async (message, reason) => {
      const died = toDied(message, queueName, reason);
      const redrives = (await store.record([died])).get(died.id) ?? 0;
      const attributes = { ...died.attributes, redrives: String(redrives) };
      await queue.deadLetter({ ...message, id: died.id, attributes }, reason);
    },
  };
}

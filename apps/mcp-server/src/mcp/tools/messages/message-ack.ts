import { messageSchemas } from "@devmesh/protocol";
import { z } from "zod";
import { actAs } from "../acting.ts";
import { notPull } from "../agents/not-pull.ts";
import { agentArgument, unneededKey } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import type { MessageToolDeps } from "./message-tool-deps.ts";

const input = z.strictObject({
  agent: agentArgument,
  seq: messageSchemas.ACK.shape.seq.describe("cursor, or an item's seq, of inbox_fetch."),
  idempotencyKey: unneededKey,
});

const output = z.object({ ackedSeq: z.int() });

/** `message_ack` */
export function messageAck(deps: MessageToolDeps): Tool {
  return defineTool({
    name: "message_ack",
    title: "Acknowledge mail",
    description:
      "Says that you have dealt with every item of your mailbox up to and including seq: they are gone for good. " +
      "Call it after acting on them.",
    scopes: ["agents:connect"],
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ agent, seq }, { caller: { principal } }) {
      const { id: agentId, name } = await actAs(deps, principal, agent);
      const acknowledged = await deps.pull.acknowledge({ tenantId: principal.tenantId, agentId }, seq);
      if (acknowledged === undefined) throw notPull(name);
      return { kind: "complete", output: { ackedSeq: acknowledged.ackedSeq } };
    },
  });
}

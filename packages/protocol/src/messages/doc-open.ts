import { textSchema } from "@devmesh/models";
import { z } from "zod";
import { channelSchema } from "./doc-channel.ts";
import { base64Schema, lookupIdSchema, replyFields, requestFields } from "./fields.ts";

/** What a shared document may be. */
export const documentKinds = ["text", "state", "counter", "register", "set"] as const;

/** 0x0401, C→S: opens a document by id or name. */
export const docOpenSchema = z
  .object({
    ...requestFields,
    documentId: lookupIdSchema.optional(),
    name: textSchema(256).optional(),
    kind: z.enum(documentKinds),
    stateVector: base64Schema.optional(),
  })
  .refine(({ documentId, name }) => (documentId === undefined) !== (name === undefined), {
    path: ["documentId"],
    message: "exactly one of documentId and name is due",
  });

/** 0x0402, S→C: `channel` names the document on this connection; `update` is all that the state vector lacks. */
export const docOpenedSchema = z.object({
  ...replyFields,
  documentId: z.string(),
  channel: channelSchema,
  update: base64Schema,
});

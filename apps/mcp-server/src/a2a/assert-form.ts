import { SendMessageRequest } from "@a2a-js/sdk";
import { RequestMalformedError } from "@a2a-js/sdk/errors";
import { isStorable } from "@devmesh/models";

const sendingMethods: ReadonlySet<unknown> = new Set(["SendMessage", "SendStreamingMessage"]);
/** Of a messageId: it is a key of idempotency, too. */
const maxIdCharacters = 255;

/**
 * Holds a message against its form before the SDK reads it, which would break at what is none, and say how.
 *
 * @throws RequestMalformedError
 */
export function assertForm({ method, params }: Readonly<Record<string, unknown>>): void {
  if (!sendingMethods.has(method) || typeof params !== "object" || params === null) return;
  const { messageId } = readMessage(params) ?? { messageId: "" };
  if (messageId.length <= maxIdCharacters && isStorable(messageId)) return;
  throw new RequestMalformedError(
    `message.messageId: must be at most ${maxIdCharacters} characters, without U+0000 and lone surrogates`,
  );
}

function readMessage(params: object): { readonly messageId: string } | undefined {
  try {
    return SendMessageRequest.fromJSON(params).message;
  } catch {
    throw new RequestMalformedError("params: are none of this method");
  }
}

import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { isAnswer } from "../bridge/messages.ts";

/** The experimental capability by which a client learns that messages may be pushed into its session. */
const channelCapability = "claude/channel";

/**
 * Adds the channel to what the mesh says that it can do: to the answer of `initialize`, and of `server/discover` in the
 * newer generation. Other messages come back as they are.
 */
export function announceChannel(message: JSONRPCMessage): JSONRPCMessage {
  if (!isAnswer(message) || !("result" in message)) return message;
  const { result } = message;
  const { capabilities } = result as { capabilities?: { experimental?: object } };
  if (capabilities === undefined) return message;
  const experimental = { ...capabilities.experimental, [channelCapability]: {} };
  return { ...message, result: { ...result, capabilities: { ...capabilities, experimental } } };
}

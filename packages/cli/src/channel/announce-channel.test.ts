import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { expect, test } from "vitest";
import { announceChannel } from "./announce-channel.ts";

test("the channel stands beside what the mesh can do already", () => {
  const result = { protocolVersion: "2025-11-25", capabilities: { tools: {}, experimental: { other: { a: 1 } } } };
  expect(announceChannel({ jsonrpc: "2.0", id: 1, result })).toEqual({
    jsonrpc: "2.0",
    id: 1,
    result: { ...result, capabilities: { tools: {}, experimental: { other: { a: 1 }, "claude/channel": {} } } },
  });
});

test.each<readonly [string, JSONRPCMessage]>([
  ["a result without capabilities", { jsonrpc: "2.0", id: 1, result: { tools: [] } }],
  ["an error", { jsonrpc: "2.0", id: 1, error: { code: -32601, message: "no" } }],
  ["a notification", { jsonrpc: "2.0", method: "notifications/progress", params: { capabilities: {} } }],
])("%s stays as it is", (_, message) => {
  expect(announceChannel(message)).toBe(message);
});

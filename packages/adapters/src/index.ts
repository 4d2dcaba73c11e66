export type { BedrockTransport } from "./bedrock/bedrock-transport.ts";
export { type Bedrock, type BedrockOptions, openBedrock } from "./bedrock/open-bedrock.ts";
export type { BreakerOptions } from "./breaker.ts";
export {
  type AgentHint,
  type ClaimableHint,
  type CollectionHint,
  createHints,
  type EndHearing,
  type HintSender,
  type Hints,
  type McpChange,
  type NodeHint,
  type TaskHint,
} from "./hints/hints.ts";
export { decryptKey, type KmsOptions } from "./kms/decrypt-key.ts";
export { type McpTransport, type McpTransportOptions, openMcpTransport } from "./mcp/open-mcp-transport.ts";
export { createToolBreaker } from "./mcp/tool-breaker.ts";
export { assertTransportAllowed } from "./mcp/transport-rules.ts";
export { fallbackFanOut } from "./redis/fallback-fan-out.ts";
export { assertFanOutReady, type FanOut } from "./redis/fan-out.ts";
export { memoryFanOut } from "./redis/memory-fan-out.ts";
export { memoryPresence } from "./redis/memory-presence.ts";
export { type MemorySessionsOptions, memorySessions } from "./redis/memory-session-store.ts";
export type { NodeFacts, Presence } from "./redis/presence.ts";
export {
  type RedisEmbeddingCache,
  type RedisEmbeddingCacheOptions,
  redisEmbeddingCache,
} from "./redis/redis-embedding-cache.ts";
export { openRedisFanOut, type RedisFanOutOptions } from "./redis/redis-fan-out.ts";
export { openRedisPresence } from "./redis/redis-presence.ts";
export { openRedisSessions, type RedisSessionsOptions } from "./redis/redis-session-store.ts";
export type {
  OpenStream,
  SessionBounds,
  SessionChange,
  SessionRecord,
  SessionStore,
  StreamEvent,
} from "./redis/session-store.ts";
export { type ByteRange, type ObjectHead, type Objects, openObjects } from "./s3/objects.ts";
export { type Consumer, type ConsumerOptions, startConsumer } from "./sqs/consumer.ts";
export { type EnsureQueueOptions, ensureQueue, type QueueUrls } from "./sqs/ensure-queue.ts";
export { type MessageMove, type MessageMoves, messageMoves } from "./sqs/message-moves.ts";
export type { HandlerOutcome } from "./sqs/message-outcome.ts";
export type { FailedMessage, OutgoingMessage, ReceivedMessage, ReceiveOptions } from "./sqs/queue-message.ts";
export { createSqsClient, type SqsClientOptions } from "./sqs/sqs-client.ts";
export { type SqsQueue, type SqsQueueOptions, sqsQueue } from "./sqs/sqs-queue.ts";

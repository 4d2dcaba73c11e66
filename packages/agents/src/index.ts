export type {
  AgentFilter,
  AgentStore,
  AttachResult,
  ConnectionNews,
  ConnectionRef,
  ConnectionTouch,
  HeldConnection,
  Page,
  SortedHolding,
} from "./agent-store.ts";
export { type DiscoveredAgents, discoverAgents } from "./discover-agents.ts";
export { healthAfter, maxMissedHeartbeats, missedHeartbeats } from "./liveness.ts";
export type {
  MailReceiver,
  MessageStore,
  MessageTarget,
  OutgoingMessage,
  SendOutcome,
  SubscriptionStore,
  Subscriptions,
} from "./message-store.ts";
export type { DroppedAgent, DroppedNodes, NodeStore, NodeSurvey } from "./node-store.ts";
export {
  defaultNodeLeaseMs,
  latestDropMs,
  maxDropMs,
  type NodeTimes,
  nodeTimes,
  sweepTakeoverMs,
} from "./node-times.ts";
export {
  defaultPresenceMs,
  type HeldAssignment,
  type Inbox,
  type InboxFrame,
  type PullHeartbeat,
  type PullStore,
} from "./pull-store.ts";
export { type RegisterContext, registerAgent } from "./register-agent.ts";
export { tellOfAgents } from "./tell-of-agents.ts";
export { updateAgent } from "./update-agent.ts";

export {
  type AdminState,
  type Agent,
  type AgentKind,
  type AgentLoad,
  type AgentRegistration,
  type AgentUpdate,
  type Availability,
  adminStates,
  agentKinds,
  agentRegistrationSchema,
  agentUpdateSchema,
  availabilities,
  type Capability,
  capabilitySchema,
  type Health,
  healthStates,
} from "./agent.ts";
export type { AssignmentScope, Candidate, PassedOver, QueuedTask, SlotPick, TakenSlot } from "./assigning.ts";
export {
  AppError,
  type AppErrorOptions,
  assert,
  type ErrorBody,
  type ErrorCode,
  errorCodes,
  type FieldProblem,
  toAppError,
  toErrorBody,
} from "./errors.ts";
export {
  type AgentId,
  type ApiKeyId,
  type AssignmentId,
  type ConnectionId,
  isUuid,
  type LaneId,
  type NewId,
  type NodeId,
  parseId,
  type TaskId,
  type TenantId,
} from "./ids.ts";
export { assertStorableJson, canonicalJson, maxJsonDepth, utf8Bytes } from "./json.ts";
export {
  type CancelNotice,
  freesSlot,
  holdsSlot,
  type LedgerAssignment,
  type LedgerChange,
  type LedgerEntry,
  type MessageNotice,
  type NewEvent,
  type NewResult,
  type Notice,
  type PassedOverAgent,
  type SlotUse,
} from "./ledger.ts";
export { type Fit, findMisfit, type MatchableAgent, type Misfit, measureFit } from "./matching.ts";
export type { IdempotencyClaim, IdempotencyRecord, NewTask } from "./new-task.ts";
export { parseWith } from "./parse.ts";
export {
  type AssignmentStrategy,
  assignmentStrategies,
  type Requirements,
  requirementsSchema,
  toRequirements,
} from "./requirements.ts";
export {
  type AgentRef,
  type Artifact,
  type AssignmentWhy,
  type Task,
  type TaskAssignment,
  type TaskEvent,
  type TaskEventType,
  type TaskProgress,
  taskEventTypes,
  type UnassignedBecause,
  type UnassignedReason,
  type Usage,
  unassignedReasons,
  type WeighedCandidate,
} from "./task.ts";
export {
  type AssignmentState,
  assignmentStates,
  canTransition,
  type FailureClass,
  failureClasses,
  isFinal,
  isOpen,
  type TaskState,
  taskStates,
  taskTransitions,
} from "./task-state.ts";
export {
  maxBatchTasks,
  maxOutputSchemaBytes,
  maxTaskJsonBytes,
  type TaskSubmission,
  taskSubmissionSchema,
  timeSchema,
} from "./task-submission.ts";
export { nameSchema, tagsSchema, textSchema } from "./text.ts";

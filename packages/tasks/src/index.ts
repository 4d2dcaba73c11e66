export { type AssignOptions, assign } from "./assignment/assign.ts";
export { type Assigner, type AssignerOptions, createAssigner } from "./assignment/assigner.ts";
export { explainUnassigned, type LaneStanding } from "./assignment/explain.ts";
export { type Plan, type PlanInput, planAssignments } from "./assignment/plan.ts";
export { compareCandidates, score } from "./assignment/score.ts";
export { type BatchWriter, type BatchWriterOptions, createBatchWriter } from "./batch-writer.ts";
export { type ClaimAsked, maxClaimed, maxClaimWaitMs } from "./claim/check-claim.ts";
export { createTaskEngine, type TaskEngine, type TaskEngineDeps } from "./engine.ts";
export { decideAgentWord, maxLeaseMs, maxSchemaFailures } from "./life/decide-agent-word.ts";
export { decideMeshWord } from "./life/decide-mesh-word.ts";
export type { Circumstances, Decision } from "./life/decision.ts";
export { maxUncountedInARow, passOverMs } from "./life/end-try.ts";
export type { AgentOperation, AgentWord, MeshOperation, MeshWord, Operation, Outcome } from "./operation.ts";
export { type OutputSchemas, type OutputSchemasOptions, openOutputSchemas } from "./output-schema/output-schemas.ts";
export type { SchemaProblem } from "./output-schema/validate.ts";
export type { GivenAnswer } from "./question/answer-task.ts";
export { assertOthersQuestion } from "./question/own-question.ts";
export { retryDelayMs } from "./retry-delay.ts";
export type {
  AgentSlotRef,
  ClaimableScope,
  DueWork,
  EngineHints,
  LaneAsked,
  LedgerStore,
  LedgerTx,
  TaskRef,
} from "./store.ts";
export { hashBody, type SubmitResult } from "./submission/submit.ts";
export type { SubmitContext } from "./submission/submit-all.ts";
export { takeTurns } from "./take-turns.ts";
export { explainQueued, getTask, type TaskViewReads } from "./task-view.ts";

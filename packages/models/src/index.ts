export { type AppErrorOptions, AppError, assert, type ErrorBody, type ErrorCode, errorCodes, type FieldProblem, toAppError, toErrorBody } from "./errors.ts";
export { type AgentId, type ApiKeyId, type AssignmentId, type ConnectionId, isUuid, type LaneId, type NewId, type NodeId, parseId, type TaskId, type TenantId } from "./ids.ts";

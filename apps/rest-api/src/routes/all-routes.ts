import type { Route } from "../http/route.ts";
import { deregisterAgent } from "./agents/deregister-agent.ts";
import { drainAgent } from "./agents/drain-agent.ts";
import { getAgent } from "./agents/get-agent.ts";
import { getAgentMetrics } from "./agents/get-agent-metrics.ts";
import { listAgentTasks } from "./agents/list-agent-tasks.ts";
import { listAgents } from "./agents/list-agents.ts";
import { pauseAgent } from "./agents/pause-agent.ts";
import { registerAgent } from "./agents/register-agent.ts";
import { resumeAgent } from "./agents/resume-agent.ts";
import { revokeAgent } from "./agents/revoke-agent.ts";
import { updateAgent } from "./agents/update-agent.ts";
import { listAttention } from "./attention/list-attention.ts";
import { createBudget, deleteBudget, updateBudget } from "./budgets/change-budgets.ts";
import { getBudget, listBudgets } from "./budgets/read-budgets.ts";
import { createCollection } from "./collections/create-collection.ts";
import { deleteCollection } from "./collections/delete-collection.ts";
import { getCollection } from "./collections/get-collection.ts";
import { listCollections } from "./collections/list-collections.ts";
import { waitForCollection } from "./collections/wait-for-collection.ts";
import { contextRoutes } from "./contexts/context-routes.ts";
import { getRedrive, listRedrives, stopRedrive } from "./dlq/follow-redrives.ts";
import { getDeadLetter } from "./dlq/get-dead-letter.ts";
import { listDeadLetterAudit } from "./dlq/list-dead-letter-audit.ts";
import { listDeadLetters } from "./dlq/list-dead-letters.ts";
import { purgeDeadLetter, purgeDeadLetters } from "./dlq/purge-dead-letters.ts";
import { redriveDeadLetter } from "./dlq/redrive-dead-letter.ts";
import { startRedrive } from "./dlq/start-redrive.ts";
import { addDocuments } from "./documents/add-documents.ts";
import { deleteDocument, deleteDocuments } from "./documents/delete-documents.ts";
import { getDocument } from "./documents/get-document.ts";
import { listDocuments } from "./documents/list-documents.ts";
import { createEmbeddings } from "./embeddings/create-embeddings.ts";
import { listModels } from "./embeddings/list-models.ts";
import { importRoutes } from "./imports/import-routes.ts";
import { knowledgeRoutes } from "./knowledge/knowledge-routes.ts";
import { createLimit, deleteLimit, updateLimit } from "./limits/change-limits.ts";
import { getLimit, listLimits } from "./limits/read-limits.ts";
import type { RouteDeps } from "./route-deps.ts";
import { search } from "./search/search.ts";
import { answerTask } from "./tasks/answer-task.ts";
import { cancelTask } from "./tasks/cancel-task.ts";
import { getTask } from "./tasks/get-task.ts";
import { listTaskEvents } from "./tasks/list-task-events.ts";
import { listTasks } from "./tasks/list-tasks.ts";
import { retryTask } from "./tasks/retry-task.ts";
import { streamTaskEvents } from "./tasks/stream-task-events.ts";
import { submitBatch } from "./tasks/submit-batch.ts";
import { submitTask } from "./tasks/submit-task.ts";
import { waitForTask } from "./tasks/wait-for-task.ts";
import { toolRoutes } from "./tools/tool-routes.ts";
import { getUsage } from "./usage/get-usage.ts";

/** Every route of the API, in the order of its document. */
export function allRoutes(deps: RouteDeps): readonly Route[] {
  return [
    submitTask(deps),
    submitBatch(deps),
    listTasks(deps),
    getTask(deps),
    listTaskEvents(deps),
    streamTaskEvents(deps),
    waitForTask(deps),
    cancelTask(deps),
    retryTask(deps),
    answerTask(deps),
    listAttention(deps),
    ...contextRoutes(deps),
    listAgents(deps),
    registerAgent(deps),
    getAgent(deps),
    updateAgent(deps),
    deregisterAgent(deps),
    pauseAgent(deps),
    resumeAgent(deps),
    drainAgent(deps),
    revokeAgent(deps),
    listAgentTasks(deps),
    getAgentMetrics(deps),
    listDeadLetters(deps),
    purgeDeadLetters(deps),
    startRedrive(deps),
    listRedrives(deps),
    getRedrive(deps),
    stopRedrive(deps),
    listDeadLetterAudit(deps),
    getDeadLetter(deps),
    redriveDeadLetter(deps),
    purgeDeadLetter(deps),
    listLimits(deps),
    createLimit(deps),
    getLimit(deps),
    updateLimit(deps),
    deleteLimit(deps),
    listBudgets(deps),
    createBudget(deps),
    getBudget(deps),
    updateBudget(deps),
    deleteBudget(deps),
    getUsage(deps),
    ...memoryRoutes(deps),
    ...toolRoutes(deps),
  ];
}

/** What is remembered, and found again. */
function memoryRoutes(deps: RouteDeps): readonly Route[] {
  return [
    createEmbeddings(deps),
    listModels(deps),
    createCollection(deps),
    listCollections(deps),
    getCollection(deps),
    deleteCollection(deps),
    waitForCollection(deps),
    addDocuments(deps),
    listDocuments(deps),
    deleteDocuments(deps),
    getDocument(deps),
    deleteDocument(deps),
    search(deps),
    ...importRoutes(deps),
    ...knowledgeRoutes(deps),
  ];
}

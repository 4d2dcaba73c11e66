import type {
  AgentRegistration,
  Collection,
  LedgerChange,
  LedgerEntry,
  NewTask,
  RedriveJob,
  Requirements,
} from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnPostgres, newUuid, type OpenDatabase } from "../test/fixture.ts";
import { agentMetricsRepository } from "./agents/agent-metrics.ts";
import { agentRepository } from "./agents/agent-repository.ts";
import { nodeRepository } from "./agents/node-repository.ts";
import { pullRepository } from "./agents/pull-repository.ts";
import { budgetRepository } from "./caps/budget-repository.ts";
import { limitRepository } from "./caps/limit-repository.ts";
import { usageRepository } from "./caps/usage-repository.ts";
import { collectionRepository } from "./collections/collection-repository.ts";
import { documentRepository } from "./collections/document-repository.ts";
import { pendingRepository } from "./collections/pending-repository.ts";
import { contextDigests } from "./contexts/context-digests.ts";
import { contextRemovals } from "./contexts/context-removals.ts";
import { contextRepository } from "./contexts/context-repository.ts";
import type { Database, Transaction } from "./database/database.ts";
import type { Sql } from "./database/sql.ts";
import { deadLetterReads } from "./dead-letters/dead-letter-reads.ts";
import { deadLetterWrites } from "./dead-letters/dead-letter-writes.ts";
import { deadMessages } from "./dead-letters/dead-messages.ts";
import { openRedrives } from "./dead-letters/open-redrives.ts";
import { redriveJobs } from "./dead-letters/redrive-jobs.ts";
import { eventRepository } from "./events/event-repository.ts";
import { outboxRepository } from "./events/outbox-repository.ts";
import { importJobs } from "./imports/import-jobs.ts";
import { type OpenImport, openImports } from "./imports/open-imports.ts";
import { keyRepository } from "./key-repository.ts";
import { knowledgeRepository } from "./knowledge/knowledge-repository.ts";
import { knowledgeSyncRepository } from "./knowledge/knowledge-sync.ts";
import { ledgerStore } from "./ledger/ledger-store.ts";
import { findMemoryDue } from "./memory-due.ts";
import { deliveryRepository } from "./messages/delivery-repository.ts";
import { messageRepository, type OutgoingMessage } from "./messages/message-repository.ts";
import { subscriptionRepository } from "./messages/subscription-repository.ts";
import { postgresEmbeddingCache } from "./models/embedding-cache.ts";
import { usageLedger } from "./models/model-usage.ts";
import { searchRepository } from "./search/search-repository.ts";
import { attentionReads } from "./tasks/attention.ts";
import { findQueuedLanes } from "./tasks/queued-lanes.ts";
import { taskReads } from "./tasks/task-reads.ts";
import { findWaitingToolAgents, toolInputs } from "./tasks/tool-inputs.ts";
import { externalToolRepository } from "./tools/external-tool-repository.ts";
import { sealedSecrets } from "./tools/sealed-secrets.ts";
import { toolCallRepository } from "./tools/tool-call-repository.ts";
import { toolChecks } from "./tools/tool-checks.ts";
import { toolServerRepository } from "./tools/tool-server-repository.ts";
import type { ServerWrite } from "./tools/tool-server-writes.ts";

/** Answers every statement with one row that has what the code between statements looks at; keeps the statements. */
function recordStatements(): Database & { readonly texts: ReadonlySet<string> } {
  const texts = new Set<string>();
  const now = new Date();
  const row = { id: newUuid(), agentId: newUuid(), tenantId: newUuid(), connectionId: null, nodeId: null, nextSeq: 9 };
  const times = { registeredAt: now, lastSeenAt: now, createdAt: now, updatedAt: now, at: now };
  const caps = {
    hasRoom: true,
    waiting: true,
    scope: "tenant",
    isBehind: true,
    isChanged: true,
    position: 0,
    xid: 9,
    recorded: 9,
  };
  const frame = {
    ...row,
    ...times,
    ...caps,
    mailType: null,
    dependsOn: [newUuid()],
    requirements: {},
    key: "",
    moved: 1,
  };
  const tx: Transaction = {
    now,
    begun: Promise.resolve(),
    finish: () => undefined,
    query: async <Row>(statement: Sql) => {
      texts.add(statement.text);
      return { rows: [frame as Row], rowCount: 1 };
    },
  };
  return {
    kind: "postgres",
    texts,
    query: tx.query,
    transaction: (_scope, work) => work(tx),
    queryAs: (_scope, statement) => tx.query(statement),
    ownerSession: () => Promise.reject(new Error("no statement of a repository is the owner's")),
    listen: () => Promise.resolve(),
    notify: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** What a method makes of the made-up row is not looked at: only what it asked. */
async function runAll(calls: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const call of calls) await call().catch(() => undefined);
}

const tenantId = newUuid<never>();
const id = newUuid<never>();
const held = { tenantId, agentId: id, connectionId: id };
const ref = { tenantId, taskId: id };
const page = { limit: 1, after: { at: new Date().toISOString(), id } };
const connection = { connectionId: id, nodeId: id };
const registration: AgentRegistration = { name: "a", kind: "worker", capabilities: [], maxConcurrency: 1 };
const requirements: Requirements = { capabilities: [], minLevel: 1, tags: {}, type: "t", excludedAgentIds: [] };

function callRegistry(database: Database): readonly (() => Promise<unknown>)[] {
  const agents = agentRepository(database);
  const pull = pullRepository(database);
  const nodes = nodeRepository(database);
  const keys = keyRepository(database);
  return [
    () => agents.register(tenantId, id, registration, { delivery: "push", connection }),
    () => agents.register(tenantId, id, registration, { delivery: "pull", presenceMs: 1 }),
    () => pull.heartbeat({ tenantId, agentId: id }, { presenceMs: 1 }),
    () => pull.heartbeat({ tenantId, agentId: id }, { presenceMs: 1, load: {} }),
    () => pull.acknowledge({ tenantId, agentId: id }, 1),
    () => pull.readInbox({ tenantId, agentId: id }, { limit: 1 }),
    () => agents.update(tenantId, id, { capabilities: [], load: {}, metadata: {} }),
    () => agents.setAdmin(tenantId, id, "paused"),
    () => agents.deregister(tenantId, id),
    () => agents.find(tenantId, id),
    () => agents.find(tenantId, "name"),
    () => agents.list(tenantId, { capabilities: ["a"], availability: "busy" }, page),
    () => agents.attach(tenantId, "a", connection, 1),
    () => agents.detach([{ ...held, unreachable: true }]),
    () => agents.touch([held]),
    () => agents.touch([{ ...held, ackedSeq: 1, health: "healthy" }]),
    () => agents.findNews([{ ...held, sentSeq: 0 }]),
    () => agents.setSlow(tenantId, id, id, true),
    () => agents.connectionOf(tenantId, id),
    () => agents.sortHolding(tenantId, id, [id]),
    () => agentMetricsRepository(database).read(tenantId, id),
    () => nodes.renew(id, 1),
    () => nodes.leave(id),
    () => nodes.survey(),
    () => nodes.dropDead([]),
    () => nodes.endPresences(),
    () => nodes.reattach(id, [held]),
    () => keys.findByHash(Buffer.from("a")),
    () => keys.findByHashes([Buffer.from("a")]),
    () => keys.findByIds([{ tenantId, id }]),
    () => keys.create({ ...held, id, kind: "agt", name: "a", hash: Buffer.from("a"), display: "a", scopes: [] }),
    () => keys.createTenant({ id, name: "a" }),
    () => keys.findTenantByName("a"),
  ];
}

function callKnowledge(database: Database): readonly (() => Promise<unknown>)[] {
  const knowledge = knowledgeRepository(database);
  const sync = knowledgeSyncRepository(database);
  const text = { title: "a", content: "a", category: undefined, tags: [] };
  const entry = { ...text, access: "team", team: "a" } as const;
  const filter = { category: "a", tag: "a", access: "team", owner: id, task: id, agent: id } as const;
  return [false, true].flatMap((isAdmin) => {
    const asker = { tenantId, reader: { id, team: undefined, isAdmin } };
    return [
      () => knowledge.create(asker, id, entry, undefined),
      () => knowledge.find(asker, id),
      () => knowledge.findAll(asker, [id]),
      () => knowledge.list(asker, filter, page),
      () => knowledge.update(asker, { id, version: 1 }, entry),
      () => knowledge.delete(asker, id),
      () => knowledge.versions(asker, id, { limit: 1, before: 2 }),
      () => knowledge.version(asker, id, 1),
      () => knowledge.links(asker, id),
      () => knowledge.link(asker, id, { target: "task", id, relation: "about" }),
      () => knowledge.link(asker, id, { target: "agent", id, relation: "about" }),
      () => knowledge.unlink(asker, id, { target: "task", id, relation: "about" }),
      () => knowledge.use(asker, id, undefined),
      () => knowledge.use(asker, id, id),
      () => sync.claim(tenantId, id, 1),
      () => sync.claimStale(1, { quietMs: 1, forMs: 1 }),
      () => sync.done({ tenantId, id, version: 1, isDeleted: isAdmin }),
    ];
  });
}

function callReads(database: Database): readonly (() => Promise<unknown>)[] {
  const reads = taskReads(database);
  const outbox = outboxRepository(database);
  const filter = { type: "a", agent: id, label: "a", parent: id, createdAfter: page.after.at };
  return [
    () => reads.get(tenantId, [id], "whole"),
    () => reads.get(tenantId, [id], "listed"),
    () => reads.list(tenantId, { ...filter, state: "queued" }, page),
    () => reads.list(tenantId, { ...filter, state: "failed" }, page),
    () => reads.events(tenantId, id, 1, 1),
    () => reads.states([ref]),
    () => reads.laneStandings(tenantId, [id]),
    () => attentionReads(database).list(tenantId, { type: "a", agent: id, label: "a" }, page),
    () => deliveryRepository(database).findFrames([{ tenantId, agentId: id, afterSeq: 0, resume: true }], 1),
    () => outbox.hasEvents(),
    () => outbox.relay(1),
    () => outbox.prune(),
    () => findQueuedLanes(database, [ref]),
    () => toolInputs(database).add({ ...ref, questionId: id }, new Map([["a", "1"]])),
    () => toolInputs(database).forget({ ...ref, questionId: id }),
    () => findWaitingToolAgents(database, 1),
  ];
}

function callMessages(database: Database): readonly (() => Promise<unknown>)[] {
  const messages = messageRepository(database);
  const subscriptions = subscriptionRepository(database);
  const events = eventRepository(database);
  const sent = { tenantId, senderId: newUuid<never>(), senderName: "a", isRepeatable: true, kind: "k", content: "1" };
  const send = (target: OutgoingMessage["target"], messageId: string) => (): Promise<unknown> =>
    messages.send([{ ...sent, messageId, target, ttlMs: 1 }]);
  return [
    send({ to: "a" }, newUuid()),
    send({ topic: "a.b" }, newUuid()),
    send({ broadcast: true }, newUuid()),
    () => subscriptions.subscribe(held, ["task.*"], { isDurable: true }),
    () => subscriptions.unsubscribe(held, ["task.*"]),
    () => events.read(tenantId, { xid: 0, recorded: 0 }, 1),
    () => events.fanOut(1),
  ];
}

function callDeadLetters(database: Database): readonly (() => Promise<unknown>)[] {
  const reads = deadLetterReads(database);
  const writes = deadLetterWrites(database);
  const messages = deadMessages(database);
  const redrives = openRedrives(database);
  const jobs = redriveJobs(database);
  const time = page.after.at;
  const filter = {
    ...{ kind: "task" as const, queue: "a", type: "a", reason: "a" },
    ...{ failedAfter: time, failedBefore: time, olderThanMs: 1 },
  } as const;
  const order = { by: id, force: true, jobId: id };
  const died = {
    id,
    queue: "a",
    tenantId,
    reason: "a",
    message: "a",
    messageId: "a",
    body: "a",
    receiveCount: 1,
    redrives: 0,
  };
  const job = { id, filter, ratePerSecond: 1, force: false, createdAt: time } as unknown as RedriveJob;
  const redrive = { job, tenants: [tenantId], by: id, cursor: { at: new Date(), id } };
  return [
    () => reads.list([tenantId], filter, page),
    () => reads.find([tenantId], id),
    () => reads.assignments(tenantId, id),
    () => reads.audit([tenantId], undefined, page),
    () => reads.audit([tenantId], id, page),
    () => writes.claimMessages([tenantId], [id], order),
    () => writes.noteRefusals([tenantId], [{ id, outcome: "refused", detail: "" }], order),
    () => writes.purge([tenantId], id, id),
    () => writes.purgeMatching([tenantId], filter, { by: id, limit: 1 }),
    () => messages.record([{ ...died, attributes: {} }]),
    () => messages.standings([id]),
    () => messages.findClaimed(1),
    () => messages.findClaimed(1, [id]),
    () => messages.settle({ sent: [id], failed: [] }),
    () => messages.findPurging("a", 1),
    () => messages.findWork(),
    () => messages.markPurged([id]),
    () => messages.count(),
    () => jobs.create(tenantId, { id, tenants: [tenantId], filter, ratePerSecond: 1, force: false, by: id }),
    () => jobs.list(tenantId, page),
    () => jobs.find(tenantId, id),
    () => jobs.stop(tenantId, id),
    () => redrives.list(1),
    () => redrives.begin(id),
    () => redrives.next(redrive, 1),
    () => redrives.advance(id, { done: 1, failed: 1, skipped: 1 }, { at: new Date(), id }),
    () => redrives.finish(id, "failed", "a"),
    () => redrives.beginMove(redrive, "a"),
    () => redrives.setMoved(id, 1),
    () => redrives.endMove(id, [id]),
    () => redrives.undoMove(id),
  ];
}

function callLedger(database: Database): readonly (() => Promise<unknown>)[] {
  const ledger = ledgerStore(database, () => id);
  const claim = { tenantId, principalId: id, operation: "o", key: "k", bodyHash: "", response: "{}" };
  const slot = { tenantId, agentId: id };
  const lane = { tenantId, laneId: id };
  const scope = { lanes: [lane], agents: [slot] };
  const why = { strategy: "round_robin", candidates: [], passedOver: {} } as const;
  const pick = { tenantId, taskId: id, agentId: id, assignmentId: id, strategy: "round_robin", why } as const;
  const task = { tenantId, id, state: "queued", requirements, labels: [], dependsOn: [] } as unknown as NewTask;
  const entry = { tenantId, taskId: id, state: "queued", rejectedBy: [], passedOver: [] } as unknown as LedgerEntry;
  const change = { before: entry, after: entry, events: [], notices: [] } as unknown as LedgerChange;
  const answer = {
    questionId: id,
    assignmentId: id,
    question: "q",
    answer: "1",
    answeredBy: { kind: "default" },
  } as const;
  const answered = { ...change, answers: [answer] };
  const budget = { tenantId, id, scope: "tree", taskId: id, unit: "tokens", cap: 1 } as const;
  const figures = { inputTokens: 1, outputTokens: 1, costMicroUsd: 1 };
  const used = { taskId: id, assignmentId: id, model: "", endsTask: true, ...figures };
  const within = (work: Parameters<typeof ledger.transaction<unknown>>[1]) => () =>
    ledger.transaction<unknown>([tenantId], work);
  return [
    within((tx) => tx.ensureLanes([{ tenantId, requirements }])),
    within((tx) => tx.claimKeys([claim])),
    within((tx) => tx.findKeys([claim])),
    within((tx) => tx.lockDependencies([ref])),
    within((tx) => tx.findContexts([{ tenantId, contextId: id }])),
    within((tx) => tx.insertTasks([task])),
    within((tx) => tx.insertTasks([{ ...task, state: "failed" }])),
    within((tx) => tx.lockByAssignment([{ tenantId, assignmentId: id }])),
    within((tx) => tx.lockByTask([ref])),
    within((tx) => tx.requirementsOf([ref])),
    within((tx) => tx.write([change])),
    within((tx) => tx.write([{ ...change, after: { ...entry, state: "failed" } }])),
    within((tx) => tx.write([answered])),
    within((tx) => tx.findDependents([ref])),
    within((tx) => tx.findFailedDependents([ref])),
    within((tx) => tx.findOpenDependencies(ref)),
    within((tx) => tx.lockTogether([{ tenantId, assignmentId: id }], [ref])),
    within((tx) => tx.findHeritage([{ tenantId, assignmentId: id }])),
    within((tx) => tx.findDescendants([ref])),
    within((tx) => tx.findResumable({ parents: [ref], agents: [slot] })),
    within((tx) => tx.findOpenParents([ref])),
    within((tx) => tx.lockFreeSlots([slot])),
    within((tx) => tx.findChildren([ref])),
    within((tx) => tx.findHeld(slot, { offeredOnly: true, limit: 1 })),
    within((tx) => tx.lockHeads([lane], 1, 1)),
    within((tx) => tx.countPassedOver([lane])),
    within((tx) => tx.countPassedOver([lane], [id])),
    within((tx) => tx.take([pick], { acceptMs: 1, leaseMs: 1 })),
    within((tx) => tx.take([pick], { acceptMs: 1, leaseMs: 1, by: "claim" })),
    within((tx) => tx.ensureLanes([{ tenantId, requirements, limitIds: [id] }])),
    within((tx) => tx.insertTasks([{ ...task, parentId: id, budgets: [budget] }])),
    within((tx) => tx.readCaps([tenantId])),
    within((tx) => tx.findSubjects([ref])),
    within((tx) => tx.laneRequirements([id])),
    within((tx) => tx.moveTasks([{ ...ref, laneId: id }])),
    within((tx) => tx.lockLimits([id])),
    within((tx) => tx.lockBudgets([id])),
    within((tx) => tx.countHolds([{ tenantId, assignmentId: id, limitIds: [id], reservations: [] }])),
    within((tx) => tx.parkTasks([{ ...ref, budgetId: id, retryAfterMs: 1 }])),
    within((tx) =>
      tx.changeCaps([{ tenantId, assignmentId: id, inFlight: -1, ends: true, costMicroUsd: 1, tokens: 1 }]),
    ),
    within((tx) => tx.lockLimitsOf([id])),
    within((tx) => tx.addUsage([{ ...slot, ...used }])),
    within((tx) => tx.unparkTasks([{ tenantId, budgetId: id }], 1)),
    () => ledger.findLimits(tenantId),
    () => ledger.findCandidates({ lanes: [lane, { ...lane, tenantId: newUuid() }], agents: [slot] }, 1),
    () => ledger.findCandidates({ ...scope, limits: [{ tenantId, limitId: id }] }, 1),
    () => ledger.findCandidates(scope, 1),
    () => ledger.findCandidates(scope, 1, "claim"),
    () => ledger.findClaimant(slot),
    () => ledger.findClaimed(slot, [id]),
    () => ledger.findDue(1),
    () => ledger.findOutputSchemas([ref]),
  ];
}

function callContexts(database: Database): readonly (() => Promise<unknown>)[] {
  const contexts = contextRepository(database);
  const digests = contextDigests(database);
  const removals = contextRemovals(database);
  const terms = { metadata: {}, expiresInSeconds: 60, summarize: true, embed: true };
  const context = { id, name: "a", mediaType: "a/b", size: 1, sha256: "00", ...terms };
  return [
    () => findMemoryDue(database),
    () => contexts.create(tenantId, context, undefined),
    () => contexts.create(tenantId, context, { principalId: id, key: "k", bodyHash: "00" }),
    () => contexts.find(tenantId, id),
    () => contexts.findReady(tenantId, [id]),
    () => contexts.list(tenantId, { ...page, state: "ready" }),
    () => contexts.complete(tenantId, id, "etag"),
    () => contexts.delete(tenantId, id),
    () => digests.claim(1, 1),
    () => digests.settle({ id, tries: 1 }, { summary: "s", documentIds: [id], bytesRead: 1 }),
    () => removals.claim(1, 1),
    () => removals.settle([id]),
  ];
}

const collection: Collection = {
  tenantId,
  id,
  kind: "user",
  name: "c",
  description: undefined,
  model: "m",
  dimensions: 256,
  distance: "cosine",
  storage: "halfvec",
  hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
  chunking: { mode: "auto", maxTokens: 400, overlapTokens: 40 },
  context: "none",
  language: "english",
  createdAt: new Date(),
};

function callCollections(database: Database): readonly (() => Promise<unknown>)[] {
  const collections = collectionRepository(database);
  const documents = documentRepository(database);
  const pending = pendingRepository(database);
  const ofCollection = { tenantId, collectionId: id };
  const waiting = [{ collectionId: id, documentId: id, version: 1 }];
  const chunk = { id, ordinal: 0, content: "a", start: 0, end: 1, heading: undefined, tokens: 1 };
  const document = { id, externalId: "a", content: "a", contentHash: "a", mediaType: undefined, metadata: { a: 1 } };
  const key = { principalId: id, key: "k", bodyHash: "00" };
  return [
    () => collections.create(collection, { max: 10 }),
    () => collections.create(collection, { max: 10, key }),
    () => collections.ensure({ ...collection, kind: "knowledge" }),
    () => collections.findAll(tenantId, [id, "name"]),
    () => collections.find(tenantId, id),
    () => collections.counts(tenantId, id),
    () => collections.list(tenantId, page),
    () => collections.delete(tenantId, id),
    () => collections.fields(tenantId, [id]),
    () => documents.write(ofCollection, [{ ...document, chunks: [chunk] }]),
    () => documents.write(ofCollection, [{ ...document, chunks: [chunk] }], { importId: id, since: new Date() }),
    () => documents.find(ofCollection, id),
    () => documents.list(ofCollection, { ...page, state: "failed" }),
    () => documents.list(ofCollection, { ...page, state: "indexed" }),
    () => documents.writeOnce(ofCollection, [{ ...document, chunks: [chunk] }], key),
    () => documents.delete(ofCollection, [id, "a"]),
    () => pending.claim(1, 1),
    () => pending.claim(1, 1, 1),
    () => pending.postpone(tenantId, waiting, 1),
    () => pending.backlog(1),
    () => pending.findChunks(tenantId, waiting, 1),
    () => pending.findContents(tenantId, waiting),
    () => pending.setContexts(ofCollection, new Map([[id, "context"]])),
    () => pending.writeVectors(ofCollection, [{ chunkId: id, vector: new Float32Array(256) }]),
    () => pending.fail(tenantId, waiting, { code: "internal", message: "m" }),
  ];
}

function callSearch(database: Database): readonly (() => Promise<unknown>)[] {
  const search = searchRepository(database);
  const cache = postgresEmbeddingCache(database);
  const usage = usageLedger(database);
  const vector = new Float32Array(256).fill(1);
  const filter = { op: "eq", path: ["a"], value: 1 } as const;
  const asked = { limit: 1, explain: false, signal: new AbortController().signal, efSearch: undefined };
  const found = { collectionId: id, chunkId: id, documentId: id, score: 1 };
  const byVector = (given: Partial<Collection>) => () =>
    search.byVector({ ...asked, collection: { ...collection, ...given }, filter: undefined, vector });
  return [
    ...(["cosine", "dot", "l2"] as const).map((distance) => byVector({ distance })),
    ...([384, 512, 1024, 1536, 3072] as const).map((dimensions) => byVector({ dimensions })),
    byVector({ storage: "vector" }),
    () => search.byVector({ ...asked, collection, filter, vector }),
    () => search.byText({ ...asked, collection, filter: undefined, query: "a" }),
    () => search.byText({ ...asked, collection, filter, query: "a" }),
    () => search.byText({ ...asked, collection, filter, countsFiltered: true, query: "a" }),
    () => search.load(tenantId, [found]),
    () => search.vectors(collection, [id]),
    () => cache.getMany(["00"]),
    () => cache.setMany(new Map([["00", vector]])),
    () => usage.assertRoom(tenantId, { tokens: 1, costMicroUsd: 1 }),
    () => usage.record(tenantId, "embed", [{ model: "m", inputTokens: 1, outputTokens: 0, costMicroUsd: 1 }]),
  ];
}

function callCaps(database: Database): readonly (() => Promise<unknown>)[] {
  const limits = limitRepository(database);
  const budgets = budgetRepository(database);
  const usage = usageRepository(database);
  const budget = { scope: "agent", agentId: id, unit: "tokens", period: "day", cap: 1 } as const;
  const days = { from: "2026-01-01", to: "2026-01-02", limit: 1 };
  const key = { principalId: id, key: "k", bodyHash: "00" };
  const limit = { kind: "type", value: "a", maxInFlight: 1 } as const;
  return [
    () => limits.create(tenantId, { id, limit, max: 1 }),
    () => limits.create(tenantId, { id, limit, max: 1, key }),
    () => limits.update(tenantId, id, 1),
    () => limits.delete(tenantId, id),
    () => limits.find(tenantId, id),
    () => limits.list(tenantId, page),
    () => budgets.create(tenantId, { id, budget, max: 1 }),
    () => budgets.create(tenantId, { id, budget, max: 1, key }),
    () => budgets.update(tenantId, id, 1),
    () => budgets.delete(tenantId, id),
    () => budgets.find(tenantId, id),
    () => budgets.list(tenantId, { scope: "agent", subjectId: id }, page),
    () => usage.read(tenantId, { ...days, groupBy: ["day"], after: undefined }),
    () => usage.read(tenantId, { ...days, groupBy: ["day", "agent", "type", "model"], after: ["a", "b", "c", "d"] }),
  ];
}

function callImports(database: Database): readonly (() => Promise<unknown>)[] {
  const jobs = importJobs(database);
  const open = openImports(database);
  const requestKey = { principalId: id, key: "k", bodyHash: "00" };
  const asked = { id, collectionId: id, key: "a", etag: "e", size: 1, requestKey };
  const claimed = { tenantId, leaseId: id, since: new Date(), job: { id, collectionId: id } } as unknown as OpenImport;
  const counts = { created: 1, updated: 1, unchanged: 1, changed: 1, failed: 1 };
  const progressOf = () => ({ offset: 1, lines: 1, counts, errors: [] });
  return [
    () => jobs.create(tenantId, asked),
    () => jobs.find(tenantId, id),
    () => jobs.list(tenantId, id, page),
    () => jobs.cancel(tenantId, id),
    () => open.claim(id, 1),
    () => open.write(claimed, { documents: [], progressOf }, 1),
    () => open.renew(claimed, 1),
    () => open.release(claimed, 1),
    () => open.finish(claimed, "failed", { code: "conflict", message: "a" }),
  ];
}

function callTools(database: Database): readonly (() => Promise<unknown>)[] {
  const servers = toolServerRepository(database);
  const tools = externalToolRepository(database);
  const calls = toolCallRepository(database);
  const checks = toolChecks(database);
  const sealed = sealedSecrets(database);
  const server: ServerWrite = {
    name: "a",
    transport: { kind: "stdio", command: "a", args: [], env: {} },
    timeoutMs: 1,
    maxConcurrency: 1,
    scopes: ["admin"],
    enabled: true,
  };
  const secret = { name: "A", keyId: "k", nonce: "AA==", ciphertext: "AA==", tag: "AA==" };
  const secrets = [secret];
  const key = { principalId: id, key: "k", bodyHash: "00" };
  const tool = { name: "a", callName: "a", inputSchema: { type: "object" } } as const;
  const call = { id, serverId: id, tool: "a", principalId: id, door: "rest", outcome: "ok" } as const;
  return [
    () => servers.create(tenantId, { id, server, secrets, max: 1 }),
    () => servers.create(tenantId, { id, server, secrets, max: 1, key }),
    () => servers.update(tenantId, id, { version: 1, server, secrets, kept: ["B"] }),
    () => servers.delete(tenantId, id),
    () => servers.find(tenantId, id),
    () => servers.findByName(tenantId, "a"),
    () => servers.list(tenantId, page),
    () => servers.listEnabled(tenantId),
    () => servers.secrets(tenantId, id),
    () => sealed.findOthers({ keyId: "k", limit: 1, after: undefined }),
    () => sealed.findOthers({ keyId: "k", limit: 1, after: { id, name: "A" } }),
    () => sealed.replace({ tenantId, id, ...secret }, secret),
    () => tools.record(tenantId, { id, version: 1 }, [tool]),
    () => tools.find(tenantId, { serverId: id, name: "a" }),
    () => tools.findByCallName(tenantId, id, "a"),
    () => tools.list(tenantId, [id], 1),
    () => tools.summaries(tenantId, [id], 1),
    () => tools.search(tenantId, [id], { query: "a", limit: 1 }),
    () => calls.record(tenantId, { ...call, durationMs: 1, argumentBytes: 1, resultBytes: 1 }),
    () => calls.list(tenantId, id, page),
    () => checks.claim({ limit: 1, againInMs: 1 }),
    () => checks.record(tenantId, { id, version: 1 }, { state: "healthy", latencyMs: 1 }),
  ];
}

describeOnPostgres(describeStatements);

function describeStatements(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  test("every statement of every repository can be prepared on the freshly migrated schema", async () => {
    const recorded = recordStatements();
    const calls = [
      ...callRegistry(recorded),
      ...callKnowledge(recorded),
      ...callReads(recorded),
      ...callMessages(recorded),
      ...callDeadLetters(recorded),
      ...callCaps(recorded),
      ...callContexts(recorded),
      ...callCollections(recorded),
      ...callSearch(recorded),
      ...callLedger(recorded),
      ...callImports(recorded),
      ...callTools(recorded),
    ];
    await runAll(calls);
    expect(recorded.texts.size).toBeGreaterThanOrEqual(calls.length);
    const refused = await database.ownerSession(async (session) => {
      const problems: string[] = [];
      for (const text of recorded.texts) {
        await session.runScript(`prepare one as ${text}`).then(
          () => session.runScript("deallocate one"),
          (error: unknown) => problems.push(`${String(error)}\n${text}`),
        );
      }
      return problems;
    });
    expect(refused).toEqual([]);
  });
}

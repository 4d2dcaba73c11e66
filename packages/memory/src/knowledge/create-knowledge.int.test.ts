import { createEntry } from "@devmesh/embedding";
import {
  type ApiKeyId,
  type KnowledgeId,
  knowledgeSearchSchema,
  newKnowledgeSchema,
  type TenantId,
} from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  type Database,
  migrate,
  migrationsDir,
  openPglite,
  openPostgres,
  snapshotPglite,
  sql,
} from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { openTestDatabase } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMemory } from "../create-memory.ts";
import { type Models, openModels } from "../open-models.ts";
import { createKnowledge, type Knowledge } from "./create-knowledge.ts";

const newId = createUuidV7();
const logger = createLogger({ level: "silent", service: "test" });
const tenantId = newId() as TenantId;
const asker = { tenantId, reader: { id: newId() as ApiKeyId, team: undefined, isAdmin: false } };
const stack = new AsyncDisposableStack();
const told: string[] = [];
let nudges = 0;
let database: Database;
let models: Models;

beforeAll(async () => {
  database = await openTestDatabase({ migrationsDir, migrate, openPostgres, openPglite, snapshotPglite }, stack);
  await database.query(sql`insert into tenant (id, name) values (${tenantId}, ${tenantId})`);
  const config = { provider: "local", regions: [], endpoint: undefined, claudeModel: undefined } as const;
  models = stack.use(openModels({ config, redisUrl: undefined, database, metrics: createMetrics("test") }));
});
afterAll(() => stack.disposeAsync());

function nudgeEmbeddings(): void {
  nudges += 1;
}

function open(broken = false): Knowledge {
  const whole = createMemory({ database, models, newId, nudgeEmbeddings });
  const documents = { ...whole.documents, write: () => Promise.reject(new Error("away")) };
  const memory = broken ? { ...whole, documents } : whole;
  return createKnowledge({ database, memory, logger, tellChanged: (_tenant, id) => void told.push(id) });
}

async function add({ knowledge, carryOverEntry }: Knowledge, title: string): Promise<KnowledgeId> {
  const entry = newKnowledgeSchema.parse({ title, content: "Nobody is there to see it fail." });
  const { made } = await createEntry(knowledge, asker, { id: newId() as KnowledgeId, entry, key: undefined });
  await carryOverEntry(tenantId, made.id);
  return made.id;
}

async function find({ searchEntries }: Knowledge, query: string): Promise<readonly KnowledgeId[]> {
  const asked = knowledgeSearchSchema.parse({ query, mode: "text" });
  const { hits } = await searchEntries(asker, { asked, signal: new AbortController().signal });
  return hits.map(({ entry: { id } }) => id);
}

test("models of this machine embed, and none writes", () => {
  expect(models.claude).toBeUndefined();
  expect(models.embedder.listModels().map(({ provider }) => provider)).toContain("local");
});

test("an entry that was written is told of, and found at once", async () => {
  const knowledge = open();
  const before = nudges;
  const id = await add(knowledge, "Deploys wait on Fridays");
  expect(told.at(-1)).toBe(id);
  expect(nudges).toBe(before + 1);
  expect(await find(knowledge, "deploys on Fridays")).toEqual([id]);
});

test("an entry whose document can't be written is there all the same, and told of", async () => {
  const id = await add(open(true), "Ledgers are locked at night");
  expect(told.at(-1)).toBe(id);
  expect(await open().knowledge.find(asker, id)).toMatchObject({ id });
  expect(await find(open(), "ledgers locked")).toEqual([]);
});

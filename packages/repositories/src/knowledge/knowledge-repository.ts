import type {
  AgentId,
  ApiKeyId,
  KnowledgeAccess,
  KnowledgeEntry,
  KnowledgeId,
  KnowledgeLink,
  KnowledgeReader,
  KnowledgeRelation,
  KnowledgeTarget,
  KnowledgeText,
  KnowledgeVersion,
  TaskId,
  TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, Transaction } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import type { Made, RequestKey } from "../ledger/claim-first.ts";
import { type EntryRow, entryColumns, isVisible, listedColumns, toEntry, toListed } from "./knowledge-columns.ts";
import { findLinks, linkEntry, unlinkEntry, useEntry } from "./knowledge-links.ts";
import { listVersions, readVersion } from "./knowledge-versions.ts";
import { createEntry, deleteEntry, updateEntry } from "./knowledge-writes.ts";

/** Who asks, in which tenant. */
export interface Asker {
  readonly tenantId: TenantId;
  readonly reader: KnowledgeReader;
}

/** What an entry is to hold, whole. */
export interface EntryWrite extends Omit<KnowledgeText, "category"> {
  readonly category: string | undefined;
  readonly access: KnowledgeAccess;
  readonly team: string | undefined;
}

/** Which entries are listed. All that are given must hold. */
export interface EntryFilter {
  readonly category?: string | undefined;
  readonly tag?: string | undefined;
  readonly access?: KnowledgeAccess | undefined;
  readonly owner?: ApiKeyId | undefined;
  readonly task?: TaskId | undefined;
  readonly agent?: AgentId | undefined;
}

/** A link as it is asked for. */
export interface LinkWrite {
  readonly target: KnowledgeTarget;
  readonly id: TaskId | AgentId;
  readonly relation: KnowledgeRelation;
}

type Listed = Omit<KnowledgeEntry, "content">;

/** The shape that `@devmesh/embedding` asks of a store of knowledge, where its contract is told. */
export interface KnowledgeRepository {
  create(asker: Asker, id: KnowledgeId, entry: EntryWrite, key: RequestKey | undefined): Promise<Made<KnowledgeEntry>>;
  find(asker: Asker, id: KnowledgeId): Promise<KnowledgeEntry | undefined>;
  findAll(asker: Asker, ids: readonly KnowledgeId[]): Promise<readonly Listed[]>;
  list(asker: Asker, filter: EntryFilter, page: PageAsked): Promise<readonly Listed[]>;
  update(
    asker: Asker,
    at: { readonly id: KnowledgeId; readonly version: number },
    entry: EntryWrite,
  ): Promise<KnowledgeEntry | undefined>;
  delete(asker: Asker, id: KnowledgeId): Promise<boolean>;
  versions(
    asker: Asker,
    id: KnowledgeId,
    page: { readonly limit: number; readonly before: number | undefined },
  ): Promise<readonly Omit<KnowledgeVersion, "content">[]>;
  version(asker: Asker, id: KnowledgeId, version: number): Promise<KnowledgeVersion | undefined>;
  links(asker: Asker, id: KnowledgeId): Promise<readonly KnowledgeLink[]>;
  link(asker: Asker, id: KnowledgeId, link: LinkWrite): Promise<"linked" | "missing" | "full">;
  unlink(asker: Asker, id: KnowledgeId, link: LinkWrite): Promise<boolean>;
  use(asker: Asker, id: KnowledgeId, taskId: TaskId | undefined): Promise<KnowledgeEntry | "missing" | undefined>;
}

/** Entries in Postgres; each call is a transaction of its own. */
export function knowledgeRepository(database: Database): KnowledgeRepository {
  const run = <T>({ tenantId }: Asker, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, work);
  const select = ({ tenantId }: Asker, statement: Sql): Promise<readonly EntryRow[]> =>
    database
      .queryAs<EntryRow>({ role: "devmesh_app", tenants: [tenantId], plans: "by_index" }, statement)
      .then(({ rows }) => rows);
  return {
    create: (asker, id, entry, key) => run(asker, (tx) => createEntry(tx, asker, { id, entry, key })),
    find: async (asker, id) => {
      const [row] = await select(asker, findEntry(asker, id));
      return row && toEntry(row);
    },
    findAll: async (asker, ids) => (await select(asker, findEntries(asker, ids))).map(toListed),
    list: async (asker, filter, page) => (await select(asker, listEntries(asker, filter, page))).map(toListed),
    update: (asker, at, entry) => run(asker, (tx) => updateEntry(tx, asker, { ...at, entry })),
    delete: (asker, id) => run(asker, (tx) => deleteEntry(tx, asker, id)),
    versions: (asker, id, page) => run(asker, (tx) => listVersions(tx, asker, { id, ...page })),
    version: (asker, id, version) => run(asker, (tx) => readVersion(tx, asker, { id, version })),
    links: (asker, id) => run(asker, (tx) => findLinks(tx, asker, id)),
    link: (asker, id, link) => run(asker, (tx) => linkEntry(tx, asker, id, link)),
    unlink: (asker, id, link) => run(asker, (tx) => unlinkEntry(tx, asker, id, link)),
    use: (asker, id, taskId) => run(asker, (tx) => useEntry(tx, asker, id, taskId)),
  };
}

function findEntry({ tenantId, reader }: Asker, id: KnowledgeId): Sql {
  return sql`
    select ${entryColumns}
    from knowledge_entry e
    where e.tenant_id = ${tenantId} and e.id = ${id} and ${isVisible(reader)}`;
}

function findEntries({ tenantId, reader }: Asker, ids: readonly KnowledgeId[]): Sql {
  return sql`
    select ${listedColumns}
    from knowledge_entry e
    where e.tenant_id = ${tenantId} and e.id = any (${ids}::uuid[]) and ${isVisible(reader)}`;
}

/** Walks the index `knowledge_entry_listed`; entries that are not wanted, or not seen, are passed over. */
function listEntries({ tenantId, reader }: Asker, filter: EntryFilter, { limit, after }: PageAsked): Sql {
  const { category, tag, access, owner, task, agent } = filter;
  return sql`
    select ${listedColumns}
    from knowledge_entry e
    where e.tenant_id = ${tenantId} and ${isVisible(reader)}
      ${category === undefined ? sql`` : sql`and e.category = ${category}`}
      ${tag === undefined ? sql`` : sql`and ${tag} = any (e.tags)`}
      ${access === undefined ? sql`` : sql`and e.access = ${access}`}
      ${owner === undefined ? sql`` : sql`and e.owner_id = ${owner}`}
      ${task === undefined ? sql`` : isLinked("task", task)}
      ${agent === undefined ? sql`` : isLinked("agent", agent)}
      ${after === undefined ? sql`` : sql`and (e.created_at, e.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
    order by e.created_at desc, e.id desc
    limit ${limit}`;
}

function isLinked(target: KnowledgeTarget, id: TaskId | AgentId): Sql {
  return sql`and exists (
    select from knowledge_link l where l.target_id = ${id} and l.entry_id = e.id and l.target = ${target})`;
}

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
import type { PageAfter, RequestKey } from "./collection-store.ts";

/** Who asks, in which tenant. */
export interface KnowledgeAsker {
  readonly tenantId: TenantId;
  readonly reader: KnowledgeReader;
}

/** Which entries are listed. All that are given must hold. */
export interface KnowledgeFilter {
  readonly category?: string | undefined;
  readonly tag?: string | undefined;
  readonly access?: KnowledgeAccess | undefined;
  readonly owner?: ApiKeyId | undefined;
  readonly task?: TaskId | undefined;
  readonly agent?: AgentId | undefined;
}

/** What an entry is to hold, whole. */
export interface KnowledgeWrite extends Omit<KnowledgeText, "category"> {
  readonly category: string | undefined;
  readonly access: KnowledgeAccess;
  readonly team: string | undefined;
}

/** A link as it is asked for. */
export interface LinkAsked {
  readonly target: KnowledgeTarget;
  readonly id: TaskId | AgentId;
  readonly relation: KnowledgeRelation;
}

/** `missing`: there is no such task or agent in the tenant. */
export type LinkOutcome = "linked" | "missing" | "full";

/**
 * Entries of a tenant. What the asker may not see is absent from every answer, as are deleted entries and those of other
 * tenants: who may see is part of each statement.
 */
export interface KnowledgeStore {
  /** @throws AppError `conflict`, reason `idempotency_key_reused`, for a key that came with another body. */
  create(
    asker: KnowledgeAsker,
    id: KnowledgeId,
    entry: KnowledgeWrite,
    key: RequestKey | undefined,
  ): Promise<{ readonly made: KnowledgeEntry; readonly isReplay: boolean }>;
  find(asker: KnowledgeAsker, id: KnowledgeId): Promise<KnowledgeEntry | undefined>;
  /** In any order, without content. */
  findAll(asker: KnowledgeAsker, ids: readonly KnowledgeId[]): Promise<readonly Omit<KnowledgeEntry, "content">[]>;
  /** Newest first, without content. */
  list(
    asker: KnowledgeAsker,
    filter: KnowledgeFilter,
    page: { readonly limit: number; readonly after: PageAfter | undefined },
  ): Promise<readonly Omit<KnowledgeEntry, "content">[]>;
  /** Writes the next version where the present one is `version`; undefined where it is not. */
  update(
    asker: KnowledgeAsker,
    at: { readonly id: KnowledgeId; readonly version: number },
    entry: KnowledgeWrite,
  ): Promise<KnowledgeEntry | undefined>;
  /** Of owners, and admins. False where there is nothing that the asker may delete. */
  delete(asker: KnowledgeAsker, id: KnowledgeId): Promise<boolean>;
  /** The latest first, without content, those before the version `before`. */
  versions(
    asker: KnowledgeAsker,
    id: KnowledgeId,
    page: { readonly limit: number; readonly before: number | undefined },
  ): Promise<readonly Omit<KnowledgeVersion, "content">[]>;
  version(asker: KnowledgeAsker, id: KnowledgeId, version: number): Promise<KnowledgeVersion | undefined>;
  /** All of an entry's but those of relation `used_by`, of which the latest 100 are told. */
  links(asker: KnowledgeAsker, id: KnowledgeId): Promise<readonly KnowledgeLink[]>;
  link(asker: KnowledgeAsker, id: KnowledgeId, link: LinkAsked): Promise<LinkOutcome>;
  /** False where there was no such link. */
  unlink(asker: KnowledgeAsker, id: KnowledgeId, link: LinkAsked): Promise<boolean>;
  /** Counts a use, once a task. Undefined where there is no such entry; `missing` for a task that there is not. */
  use(
    asker: KnowledgeAsker,
    id: KnowledgeId,
    taskId: TaskId | undefined,
  ): Promise<KnowledgeEntry | "missing" | undefined>;
}

/** An entry whose document is not what it should be. */
export interface UnsyncedEntry extends KnowledgeWrite {
  readonly tenantId: TenantId;
  readonly id: KnowledgeId;
  readonly ownerId: ApiKeyId;
  readonly version: number;
  readonly isDeleted: boolean;
}

/** Keeps entries and the documents that they are found by together. */
export interface KnowledgeSync {
  /** The entry as it is now, for the asker alone until it is done, or `forMs` later; undefined where nothing is to do. */
  claim(tenantId: TenantId, id: KnowledgeId, forMs: number): Promise<UnsyncedEntry | undefined>;
  /** The same of all tenants: those that wait for longest, but not those that were written in the last `quietMs`. */
  claimStale(
    limit: number,
    options: { readonly quietMs: number; readonly forMs: number },
  ): Promise<readonly UnsyncedEntry[]>;
  /** The document of this version was written; of a deleted entry, removed: then the entry goes, too. */
  done(entry: Pick<UnsyncedEntry, "tenantId" | "id" | "version" | "isDeleted">): Promise<void>;
}

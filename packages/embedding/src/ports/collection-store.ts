import type {
  Collection,
  CollectionCounts,
  CollectionId,
  CollectionKind,
  MetadataField,
  TenantId,
} from "@devmesh/models";

/** Where a page begins: after the row with this key. */
export interface PageAfter {
  readonly at: string;
  readonly id: string;
}

/** What makes a repeated request recognisable. */
export interface RequestKey {
  readonly principalId: string;
  readonly key: string;
  readonly bodyHash: string;
}

/** A tenant's collections. Those of another tenant, and deleted ones, are absent from every answer. */
export interface CollectionStore {
  /**
   * Makes the collection with its storage and index, or answers the one that the same key made.
   *
   * @throws AppError `conflict` for a name that is taken, and, reason `idempotency_key_reused`, for a key that came with
   * another body; `failed_precondition` where the tenant has `max` already.
   */
  create(
    collection: Omit<Collection, "createdAt">,
    options: { readonly max: number; readonly key?: RequestKey | undefined },
  ): Promise<{ readonly made: Collection; readonly isReplay: boolean }>;
  /** The tenant's one collection of a kind that the mesh keeps; made by `template` where there is none yet. */
  ensure(
    template: Omit<Collection, "createdAt"> & { readonly kind: Exclude<CollectionKind, "user"> },
  ): Promise<Collection>;
  /** By ids or names, in any order; what is not there is left out. Of kind `user` alone. */
  findAll(tenantId: TenantId, idsOrNames: readonly string[]): Promise<readonly Collection[]>;
  /** By id, of any kind. */
  find(tenantId: TenantId, id: CollectionId): Promise<Collection | undefined>;
  counts(tenantId: TenantId, id: CollectionId): Promise<CollectionCounts>;
  /** Of kind `user`, newest first. */
  list(
    tenantId: TenantId,
    page: { readonly limit: number; readonly after: PageAfter | undefined },
  ): Promise<readonly Collection[]>;
  /** Gone at once for everybody; its storage is freed afterwards. False where there is none. */
  delete(tenantId: TenantId, id: CollectionId): Promise<boolean>;
  /** What metadata its documents have ever had. */
  fields(tenantId: TenantId, ids: readonly CollectionId[]): Promise<readonly MetadataField[]>;
}

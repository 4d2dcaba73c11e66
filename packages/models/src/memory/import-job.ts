import type { ErrorBody } from "../errors.ts";
import type { CollectionId, ImportId, TenantId } from "../ids.ts";

/** `queued`, then `running`, then one of the others for good. */
export const importStates = ["queued", "running", "completed", "failed", "cancelled"] as const;
/** One of {@link importStates}. */
export type ImportState = (typeof importStates)[number];

/** The largest object that is imported: 5 GiB, what S3 takes in one request. */
export const maxImportBytes = 5 * 1_024 ** 3;
/** The largest that is taken by the API itself, on its way to S3. Judgement. */
export const maxImportUploadBytes = 1_024 ** 3;
/** The longest line: a document's longest content, escaped, and the rest of it. */
export const maxImportLineBytes = 2 * 1_048_576;
/** How many errors of lines are kept of an import: the first ones. */
export const maxImportErrors = 100;

/** What became of the documents of an import, so far. */
export interface ImportCounts {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** Somebody else wrote them since the import began: they were left as they are. */
  readonly changed: number;
  /** Lines that are no document. */
  readonly failed: number;
}

/** Why a line brought no document. */
export interface ImportLineError {
  /** From 1. */
  readonly line: number;
  readonly error: Pick<ErrorBody, "code" | "reason" | "message">;
}

/** How far an import is: always whole batches, never half of a line. */
export interface ImportProgress {
  /** Bytes of the object that are done. */
  readonly offset: number;
  /** Lines that are done, empty ones included. */
  readonly lines: number;
  readonly counts: ImportCounts;
  /** The first {@link maxImportErrors}. */
  readonly errors: readonly ImportLineError[];
}

/** An import as the API shows it. */
export interface ImportJob extends ImportProgress {
  readonly id: ImportId;
  readonly collectionId: CollectionId;
  readonly state: ImportState;
  /** Of the object in S3. */
  readonly key: string;
  readonly size: number;
  /** Of a failed one. */
  readonly error?: Pick<ErrorBody, "code" | "message">;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

/** Below it a tenant's imports lie, and nothing else is imported. */
export function importPrefix(tenantId: TenantId): string {
  return `imports/${tenantId}/`;
}

/** Where the body of a request is kept until its import is over. */
export function importBodyKey(tenantId: TenantId, name: string): string {
  return `${importPrefix(tenantId)}bodies/${name}.ndjson`;
}

/** True for what {@link importBodyKey} made: of no use once the import is over. */
export function isImportBody(tenantId: TenantId, key: string): boolean {
  return key.startsWith(`${importPrefix(tenantId)}bodies/`);
}

/** True once nothing more will happen. */
export function isImportOver(state: ImportState): boolean {
  return state !== "queued" && state !== "running";
}

import { AppError, type IdempotencyClaim } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { claimKeys, findKeys } from "./idempotency.ts";

/** A request's `Idempotency-Key`: whose it is, and the hash of the body that came with it. */
export type RequestKey = Pick<IdempotencyClaim, "principalId" | "key" | "bodyHash">;

/** What a POST that creates made, or its key had made before. */
export interface Made<T> {
  readonly made: T;
  readonly isReplay: boolean;
}

/** A key of one operation of a tenant. */
type Claim = Omit<IdempotencyClaim, "response">;

/**
 * Claims a key for a result that this transaction is about to write; answers the stored result where the key was used
 * before, undefined where it is new. Of two at once the second waits for the first's end. A transaction that is rolled
 * back gives the key back.
 *
 * @throws AppError `conflict`, reason `idempotency_key_reused`, where it was used with another body.
 */
export async function claimFirst<T>(tx: Queryable, asked: Claim, result: T): Promise<T | undefined> {
  const claim = { ...asked, response: JSON.stringify(result) };
  if ((await claimKeys(tx, [claim])).size > 0) return undefined;
  const [record] = await findKeys(tx, [claim]);
  if (record?.bodyHash === claim.bodyHash) return record.response as T;
  const message = `idempotency key ${JSON.stringify(claim.key)} was used with another body`;
  throw new AppError("conflict", message, { reason: "idempotency_key_reused" });
}

/** Keeps the result of a key that this transaction has claimed, where it was not known before. */
export async function keepResult(
  tx: Queryable,
  { tenantId, principalId, operation, key }: Claim,
  result: unknown,
): Promise<void> {
  await tx.query(sql`
    update idempotency_key set response = ${JSON.stringify(result)}::json
    where tenant_id = ${tenantId} and principal_id = ${principalId} and operation = ${operation} and key = ${key}`);
}

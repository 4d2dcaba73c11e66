import { AppError, type IdempotencyClaim } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { claimKeys, findKeys } from "./idempotency.ts";

/** A request's `Idempotency-Key`: whose it is, and the hash of the body that came with it. */
export type RequestKey = Pick<IdempotencyClaim, "principalId" | "key" | "bodyHash">;

/** What a POST that creates made, or its key had made before. */
export interface Made<T> {
  readonly made: T;
  readonly isReplay: boolean;
}

/**
 * Claims a key for a result that this transaction is about to write; answers the stored result where the key was used
 * before, undefined where it is new. Of two at once the second waits for the first's end. A transaction that is rolled
 * back gives the key back.
 *
 * @throws AppError `conflict`, reason `idempotency_key_reused`, where it was used with another body.
 */
export async function claimFirst<T>(
  tx: Queryable,
  asked: Omit<IdempotencyClaim, "response">,
  result: T,
): Promise<T | undefined> {
  const claim = { ...asked, response: JSON.stringify(result) };
  if ((await claimKeys(tx, [claim])).size > 0) return undefined;
  const [record] = await findKeys(tx, [claim]);
  if (record?.bodyHash === claim.bodyHash) return record.response as T;
  const message = `idempotency key ${JSON.stringify(claim.key)} was used with another body`;
  throw new AppError("conflict", message, { reason: "idempotency_key_reused" });
}

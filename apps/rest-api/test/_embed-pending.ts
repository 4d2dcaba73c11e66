import { embedDocuments } from "@devmesh/embedding";
import { pendingRepository } from "@devmesh/repositories";
import { sleep } from "@devmesh/runtime";
import type { RestHarness } from "./_rest-harness.ts";

/** Embeds all documents that wait, as a worker does, and tells those who wait for their collections. */
export async function embedPending({ database, deps }: RestHarness): Promise<void> {
  const pending = pendingRepository(database);
  const { embedder, collections, collectionWaiters, now } = deps;
  for (let claimed = await pending.claim(500, 60_000); claimed.length > 0; claimed = await pending.claim(500, 60_000)) {
    for (const [tenantId, documents] of Map.groupBy(claimed, (one) => one.tenantId)) {
      const embedding = {
        embedder,
        collections,
        pending,
        writeContexts: undefined,
        headroom: embedder.headroom,
        maxCharacters: () => Number.POSITIVE_INFINITY,
        now,
        sleep,
        random: () => 0,
        onDone: () => undefined,
        onBatch: () => undefined,
      };
      await embedDocuments(embedding, { tenantId, documents, signal: AbortSignal.timeout(30_000) });
      collectionWaiters.onChanged(documents);
    }
  }
}

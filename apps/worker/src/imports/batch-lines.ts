import type { Line } from "./read-lines.ts";

/** Documents of one transaction, and their bytes. Judgement: what holds a tenant's rows for some 100 ms. */
const maxLines = 200;
const maxBytes = 4 * 1_048_576;

/**
 * Gathers lines into batches. Lines of one external id are never in the same batch, so that the later one wins wherever it
 * stands.
 */
export async function* batchLines(lines: AsyncIterable<Line>, from: number): AsyncGenerator<readonly Line[], void> {
  let batch: Line[] = [];
  let ids = new Set<string>();
  let start = from;
  for await (const line of lines) {
    const id = externalIdOf(line);
    const isFull = batch.length === maxLines || line.end - start > maxBytes;
    if (batch.length > 0 && (isFull || (id !== undefined && ids.has(id)))) {
      yield batch;
      start = batch.at(-1)?.end ?? start;
      batch = [];
      ids = new Set();
    }
    batch.push(line);
    if (id !== undefined) ids.add(id);
  }
  if (batch.length > 0) yield batch;
}

function externalIdOf({ value }: Line): string | undefined {
  if (!("json" in value) || typeof value.json !== "object" || value.json === null) return undefined;
  const { externalId } = value.json as { readonly externalId?: unknown };
  return typeof externalId === "string" ? externalId : undefined;
}

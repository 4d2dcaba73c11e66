import type { CollectionCounts, ImportJob } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { startBedrock } from "@devmesh/tests/bedrock";
import { type Fleet, openFleet } from "@devmesh/tests/fleet";
import { printTable, rounded } from "../figures.ts";

const minute = 60_000;
const model = "amazon.titan-embed-text-v2:0";

/**
 * An import over the API with the three services as processes, fsync on, and the Bedrock stand-in over HTTP/2: from the
 * request until all documents are found by text, how many of them have no vector then, and how long until all have.
 */
export async function benchImports(rows: number): Promise<void> {
  await using bedrock = await startBedrock();
  await using fleet = await openFleet({
    fsync: true,
    redis: true,
    times: {},
    models: { DEVMESH_BEDROCK_ENDPOINT: bedrock.endpoint },
  });
  await ask(fleet, "/collections", { name: "imported", model, dimensions: 1024 });
  const started = performance.now();
  const { id } = await ask<ImportJob>(fleet, "/collections/imported/import", toLines(rows));
  const job = await waitFor(
    async () => {
      const one = await ask<ImportJob>(fleet, `/imports/${id}`);
      return one.finishedAt !== undefined && one;
    },
    { timeoutMs: 10 * minute },
  );
  const textSeconds = (performance.now() - started) / 1_000;
  if (job.counts.created !== rows) throw new Error(`not all is imported: ${JSON.stringify(job)}`);
  const behind = await countsOf(fleet);
  const done = await waitFor(
    async () => {
      const counts = await countsOf(fleet);
      return counts.pending === 0 && counts;
    },
    { timeoutMs: 20 * minute },
  );
  const vectorSeconds = (performance.now() - started) / 1_000;
  if (done.failed > 0) throw new Error(`not all is embedded: ${JSON.stringify(done)}`);
  printTable(
    `an import of ${rounded(rows)} documents of one chunk by ${model} of the stand-in, 1,024 dimensions`,
    ["", ""],
    [
      ["documents/s until found by text", rounded(rows / textSeconds)],
      ["without a vector at that moment", rounded(behind.pending)],
      ["seconds until all are found by vector, from the request", rounded(vectorSeconds, 1)],
      ["documents/s until found by vector", rounded(rows / vectorSeconds)],
    ],
  );
}

function toLines(rows: number): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const content = `Agent ${index} pulls task ${index * 7} from its lane, and reports what it cost ${index % 97} tokens. `;
    return JSON.stringify({
      externalId: `document-${index}`,
      content: content.repeat(6),
      metadata: { group: index % 100 },
    });
  });
  return lines.join("\n");
}

async function countsOf(fleet: Fleet): Promise<CollectionCounts> {
  return (await ask<{ readonly counts: CollectionCounts }>(fleet, "/collections/imported")).counts;
}

/** A text is sent as NDJSON. */
async function ask<T>(fleet: Fleet, path: string, body?: unknown): Promise<T> {
  const isText = typeof body === "string";
  const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${fleet.apiKey}`,
      "content-type": isText ? "application/x-ndjson" : "application/json",
    },
    ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { readonly data?: T; readonly error?: unknown };
  if (answer.data === undefined) throw new Error(`${path}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

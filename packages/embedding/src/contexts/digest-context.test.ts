import {
  AppError,
  type ContextId,
  contextKey,
  type DocumentId,
  type NewDocument,
  type TenantId,
} from "@devmesh/models";
import { describe, expect, it } from "vitest";
import type { ClaimedContext, DigestResult } from "../ports/context-store.ts";
import { cutContext, externalIdsOf } from "./context-documents.ts";
import { type DigestDeps, digestContext } from "./digest-context.ts";
import { removeContexts } from "./remove-contexts.ts";

const id = "00000000-0000-7000-8000-000000000001" as ContextId;
const tenantId = "00000000-0000-7000-8000-00000000000a" as TenantId;
const { signal } = new AbortController();

function claimOf(more: Partial<ClaimedContext> = {}): ClaimedContext {
  return {
    tenantId,
    id,
    name: "a.md",
    mediaType: "text/markdown; charset=utf-8",
    size: 5,
    etag: '"1"',
    metadata: { service: "billing" },
    wantsSummary: true,
    wantsEmbedding: true,
    tries: 1,
    ...more,
  };
}

/** A mesh whose one object has these bytes; what is given of it replaces a part. */
function meshOf(bytes: Uint8Array, more: Partial<DigestDeps> = {}) {
  const settled: DigestResult[] = [];
  const written: NewDocument[] = [];
  const read: unknown[] = [];
  const deps: DigestDeps = {
    digests: {
      settle: async (_claim, result) => {
        settled.push(result);
        return true;
      },
    },
    readObject: async (key, range) => {
      read.push([key, range.start, range.end, range.etag]);
      return bytes.subarray(range.start, range.end);
    },
    summarize: async ({ text }) => `summary of ${text.length}`,
    documents: {
      write: async (_tenantId, documents) => {
        written.push(...documents);
        return documents.map(({ externalId }) => externalId as DocumentId);
      },
    },
    ...more,
  };
  return { deps, settled, written, read };
}

const away = new AppError("unavailable", "s3 get failed");

describe("digestContext", () => {
  it("reads that very object, sums it up, and writes what it is found by", async () => {
    const mesh = meshOf(Buffer.from("# Hi\n"));
    expect(await digestContext(mesh.deps, claimOf(), signal)).toBe("done");
    expect(mesh.read).toEqual([[contextKey({ tenantId, id }), 0, 5, '"1"']]);
    expect(mesh.settled).toEqual([{ summary: "summary of 5", documentIds: [`${id}/0`], bytesRead: 5 }]);
    const metadata = { contextId: id, name: "a.md", mediaType: "text/markdown; charset=utf-8", part: 0, startByte: 0 };
    expect(mesh.written).toEqual([
      {
        externalId: `${id}/0`,
        content: "# Hi\n",
        mediaType: "text/markdown",
        metadata: { ...metadata, metadata: { service: "billing" } },
      },
    ]);
  });

  it("makes only what is asked for", async () => {
    const mesh = meshOf(Buffer.from("text."));
    await digestContext(mesh.deps, claimOf({ wantsEmbedding: false }), signal);
    await digestContext(mesh.deps, claimOf({ wantsSummary: false }), signal);
    expect(mesh.settled).toEqual([
      { summary: "summary of 5", bytesRead: 5 },
      { documentIds: [`${id}/0`], bytesRead: 5 },
    ]);
  });

  it("reads the first 4 MiB, and cuts through no character", async () => {
    const bytes = Buffer.from(`x${"€".repeat(1_500_000)}`);
    const mesh = meshOf(bytes);
    expect(await digestContext(mesh.deps, claimOf({ size: bytes.length }), signal)).toBe("done");
    expect(mesh.read).toMatchObject([[expect.any(String), 0, 4_194_304, '"1"']]);
    expect(mesh.settled).toMatchObject([{ bytesRead: 4_194_304 }]);
    const content = mesh.written.map((document) => document.content).join("");
    expect(content).toBe(`x${"€".repeat(1_398_101)}`);
  });

  it("keeps what was made, and tries the rest again, later each time, at most eight times", async () => {
    const mesh = meshOf(Buffer.from("text."), { summarize: () => Promise.reject(away) });
    const made = { documentIds: [`${id}/0`], bytesRead: 5 };
    const error = { code: "unavailable", message: "s3 get failed" };
    expect(await digestContext(mesh.deps, claimOf(), signal)).toBe("retry");
    expect(await digestContext(mesh.deps, claimOf({ tries: 4 }), signal)).toBe("retry");
    expect(await digestContext(mesh.deps, claimOf({ tries: 7 }), signal)).toBe("retry");
    expect(await digestContext(mesh.deps, claimOf({ tries: 8 }), signal)).toBe("failed");
    expect(mesh.settled).toEqual([
      { ...made, error, retryInMs: 10_000 },
      { ...made, error, retryInMs: 80_000 },
      { ...made, error, retryInMs: 600_000 },
      { ...made, error },
    ]);
  });

  it("tries again after a race in the database that was lost", async () => {
    const lost = new AppError("conflict", "deadlock detected", { reason: "serialization" });
    const mesh = meshOf(Buffer.from("text."), { documents: { write: () => Promise.reject(lost) } });
    expect(await digestContext(mesh.deps, claimOf(), signal)).toBe("retry");
    expect(mesh.settled).toMatchObject([{ retryInMs: 10_000 }]);
  });

  it("has a name for each document of an object that is mostly U+0000, and its place in it", async () => {
    const bytes = Buffer.from("a\u0000\u0000\u0000".repeat(1_048_576));
    const mesh = meshOf(bytes);
    await digestContext(mesh.deps, claimOf({ size: bytes.length }), signal);
    const names = new Set(externalIdsOf({ id, size: bytes.length }));
    expect(mesh.written.filter(({ externalId }) => !names.has(externalId))).toEqual([]);
    expect(mesh.written.map(({ metadata }) => metadata["startByte"])).toEqual(
      Array.from({ length: 16 }, (_, part) => part * 262_144),
    );
  });

  it("waits as long as it is told", async () => {
    const slow = new AppError("resource_exhausted", "throttled", { retryAfterMs: 45_000 });
    const mesh = meshOf(Buffer.from("text."), { readObject: () => Promise.reject(slow) });
    expect(await digestContext(mesh.deps, claimOf(), signal)).toBe("retry");
    expect(mesh.settled).toMatchObject([{ retryInMs: 45_000 }]);
  });

  it.each<[string, Uint8Array, Partial<DigestDeps>, string]>([
    ["no text", Buffer.from(" \n\t "), {}, "there is no text in it"],
    ["no UTF-8", Buffer.from([0x61, 0xff, 0x62]), {}, "it is not valid UTF-8"],
    [
      "another object",
      Buffer.from("text."),
      { readObject: () => Promise.reject(new AppError("conflict", "changed")) },
      "changed",
    ],
    [
      "no object",
      Buffer.from("text."),
      { readObject: () => Promise.reject(new AppError("not_found", "gone")) },
      "gone",
    ],
  ])("gives up at once on %s", async (_what, bytes, more, message) => {
    const mesh = meshOf(bytes, more);
    expect(await digestContext(mesh.deps, claimOf(), signal)).toBe("failed");
    expect(mesh.settled).toMatchObject([{ error: { message } }]);
    expect(mesh.settled[0]).not.toHaveProperty("retryInMs");
    expect(mesh.written).toEqual([]);
  });

  it("tells nobody what a fault of ours was, and takes U+0000 for a space", async () => {
    const mesh = meshOf(Buffer.from("a\u0000b c"), { summarize: () => Promise.reject(new Error("secret")) });
    await digestContext(mesh.deps, claimOf({ size: 5 }), signal);
    expect(mesh.settled).toMatchObject([{ error: { code: "internal", message: "internal error" } }]);
    expect(mesh.written[0]?.content).toBe("a b c");
  });

  it("knows when somebody else has the context by now", async () => {
    const mesh = meshOf(Buffer.from("text."), { digests: { settle: async () => false } });
    expect(await digestContext(mesh.deps, claimOf(), signal)).toBe("lost");
  });
});

describe("cutContext", () => {
  const text = Array.from({ length: 20_000 }, (_, line) => `line ${line} – and so on\n`).join("");
  const parts = cutContext({ id, name: "a", mediaType: "text/plain", metadata: {}, text });

  it("cuts after lines, leaves nothing out, and says where each part begins", () => {
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.map(({ content }) => content).join("")).toBe(text);
    const bytes = Buffer.from(text);
    for (const { content, metadata } of parts) {
      const length = Buffer.byteLength(content);
      expect(length).toBeLessThanOrEqual(262_144);
      expect(content.endsWith("\n")).toBe(true);
      const start = metadata["startByte"] as number;
      expect(bytes.toString("utf8", start, start + length)).toBe(content);
    }
  });

  it("numbers what is not blank, so that all of it is removed by its names", () => {
    const blank = `start\n${" ".repeat(600_000)}\nend`;
    const some = cutContext({ id, name: "a", mediaType: "text/plain", metadata: {}, text: blank });
    expect(some.map(({ externalId }) => externalId)).toEqual([`${id}/0`, `${id}/1`]);
    const names = new Set(externalIdsOf({ id, size: Buffer.byteLength(text) }));
    for (const { externalId } of parts) expect(names.has(externalId)).toBe(true);
    expect(externalIdsOf({ id, size: 5_368_709_120 })).toHaveLength(33);
  });
});

describe("removeContexts", () => {
  const claims = [
    { tenantId, id, size: 10, wasClaimed: true },
    { tenantId, id: id.replace(/1$/, "2") as ContextId, size: 10, wasClaimed: false },
  ];

  function given(more: Partial<Parameters<typeof removeContexts>[0]> = {}) {
    const said: unknown[] = [];
    const deps: Parameters<typeof removeContexts>[0] = {
      removals: { claim: async () => claims, settle: async (ids) => void said.push(["settle", ids]) },
      documents: { remove: async (of, ids) => void said.push(["documents", of, ids]) },
      deleteObjects: async (keys) => {
        said.push(["objects", keys]);
        return [];
      },
      ...more,
    };
    return { said, run: () => removeContexts(deps, { limit: 10, signal }) };
  }
  const keys = claims.map(contextKey);

  it("removes first what is found, then the objects, and says so", async () => {
    const { said, run } = given();
    expect(await run()).toBe(2);
    expect(said).toEqual([
      ["documents", tenantId, [`${id}/0`]],
      ["objects", keys],
      ["settle", claims.map((claim) => claim.id)],
    ]);
  });

  it("removes the others where one has too much, and says that it failed", async () => {
    const late = new AppError("deadline_exceeded", "too many chunks");
    const { said, run } = given({ documents: { remove: () => Promise.reject(late) } });
    await expect(run()).rejects.toBe(late);
    expect(said).toEqual([
      ["objects", keys.slice(1)],
      ["settle", [claims[1]?.id]],
    ]);
    const nothing = given({ documents: { remove: () => Promise.reject(away) } });
    await expect(nothing.run()).rejects.toBe(away);
    expect(nothing.said).toEqual([]);
  });

  it("leaves for later what S3 could not delete, and all of it while S3 is away", async () => {
    const some = given({ deleteObjects: async () => [keys[0] ?? ""] });
    await some.run();
    expect(some.said.at(-1)).toEqual(["settle", [claims[1]?.id]]);
    const none = given({ deleteObjects: () => Promise.reject(away) });
    await expect(none.run()).rejects.toBe(away);
    expect(none.said).toEqual([["documents", tenantId, [`${id}/0`]]]);
  });
});

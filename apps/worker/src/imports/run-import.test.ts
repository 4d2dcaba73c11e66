import {
  AppError,
  type Collection,
  type CollectionId,
  chunkingSchema,
  type DocumentOutcome,
  type DocumentWrite,
  type ImportId,
  type ImportJob,
  type ImportProgress,
  importBodyKey,
  type TenantId,
} from "@devmesh/models";
import type { OpenImport } from "@devmesh/repositories";
import { describe, expect, test } from "vitest";
import { type RunImportDeps, runImport } from "./run-import.ts";

const tenantId = "019a0000-0000-7000-8000-0000000000aa" as TenantId;
const never = new AbortController().signal;
const collection = { id: "c" as CollectionId, chunking: chunkingSchema.parse({}) } as Collection;
const nothing = { created: 0, updated: 0, unchanged: 0, changed: 0, failed: 0 };

function toClaimed(
  text: string,
  given: Partial<Omit<OpenImport, "job">> & { readonly job?: Partial<ImportJob> } = {},
): OpenImport {
  const job: ImportJob = {
    ...{ id: "i" as ImportId, collectionId: collection.id, state: "running", key: "k", size: Buffer.byteLength(text) },
    ...{ offset: 0, lines: 0, counts: nothing, errors: [], createdAt: "" },
  } as const;
  const { job: changed, ...rest } = given;
  const claim = { tenantId, etag: "e", since: new Date(0), leaseId: "l", isCancelAsked: false, tries: 1 };
  return { ...claim, ...rest, job: { ...job, ...changed } };
}

/** Answers each write as `outcomeOf` says, and remembers how far the import is. */
function given(text: string, outcomeOf: (document: DocumentWrite) => DocumentOutcome["outcome"] = () => "created") {
  const state = { ends: [] as unknown[], progress: [] as ImportProgress[], written: [] as string[], cancel: false };
  let ids = 0;
  let time = 0;
  const deps: RunImportDeps = {
    imports: {
      claim: async () => undefined,
      write: async (_claimed, { documents, progressOf }) => {
        state.written.push(...documents.map(({ externalId }) => externalId));
        state.progress.push(progressOf(documents.map((one) => ({ outcome: outcomeOf(one), id: one.id, version: 1 }))));
        return !state.cancel;
      },
      renew: async () => void state.ends.push(["renewed"]),
      release: async (_claimed, afterMs) => void state.ends.push(["released", afterMs]),
      finish: async (_claimed, end, error) => void state.ends.push([end, error?.code]),
    },
    collections: { find: async () => collection },
    objects: {
      readRange: async (_key, { start, end }) => Buffer.from(text).subarray(start, end),
      delete: async (keys) => {
        state.ends.push(["deleted", ...keys]);
        return [];
      },
    },
    newId: () => `id-${ids++}`,
    breathe: async () => undefined,
    now: () => time,
    leaseMs: 1_000,
    onProgress: () => {
      time += 1_000;
    },
  };
  return { deps, state };
}

const toLine = (externalId: string, content = "text"): string => JSON.stringify({ externalId, content });

describe("an import", () => {
  test("counts what became of each line, and names lines in its errors", async () => {
    const text = [toLine("a"), "{", toLine("b"), "", JSON.stringify({ externalId: "c" }), toLine("d")].join("\n");
    const { deps, state } = given(text, ({ externalId }) => (externalId === "b" ? "changed" : "created"));
    expect(await runImport(deps, toClaimed(text), never)).toEqual({ state: "completed" });
    expect(state.ends).toEqual([["completed", undefined]]);
    expect(state.progress).toEqual([
      {
        offset: Buffer.byteLength(text),
        lines: 6,
        counts: { ...nothing, created: 2, changed: 1, failed: 2 },
        errors: [
          { line: 2, error: expect.objectContaining({ code: "invalid_argument", reason: "malformed_json" }) },
          { line: 3, error: expect.objectContaining({ code: "conflict", reason: "document_changed" }) },
          { line: 5, error: expect.objectContaining({ message: expect.stringContaining("line 5.content") }) },
        ],
      },
    ]);
  });

  test("deletes what the API stored itself, when it is over, and nothing else", async () => {
    const { deps, state } = given(toLine("a"));
    const key = importBodyKey(tenantId, "1");
    await runImport(deps, toClaimed(toLine("a"), { job: { key } }), never);
    expect(state.ends).toEqual([
      ["completed", undefined],
      ["deleted", key],
    ]);
  });

  test("keeps the first hundred errors", async () => {
    const text = "{\n".repeat(300);
    const { deps, state } = given(text);
    await runImport(deps, toClaimed(text), never);
    expect(state.progress.at(-1)?.counts.failed).toBe(300);
    expect(state.progress.at(-1)?.errors.map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });

  test("goes on where it was left, and counts on", async () => {
    const text = [toLine("a"), toLine("b")].join("\n");
    const { deps, state } = given(text);
    const offset = Buffer.byteLength(toLine("a")) + 1;
    const job = { offset, lines: 1, counts: { ...nothing, created: 1 } };
    await runImport(deps, toClaimed(text, { job }), never);
    expect(state.written).toEqual(["b"]);
    expect(state.progress.at(-1)).toMatchObject({ lines: 2, counts: { created: 2 } });
  });

  test("lets others have their turn after five seconds", async () => {
    const text = Array.from({ length: 2_000 }, (_, n) => toLine(String(n))).join("\n");
    const { deps, state } = given(text);
    expect(await runImport(deps, toClaimed(text), never)).toEqual({ state: "paused" });
    expect(state.ends).toEqual([["released", 0]]);
    expect(state.progress.at(-1)?.lines).toBe(1_000);
  });

  test("keeps its lease while there is nothing to write", async () => {
    const text = "\n".repeat(9 * 1_048_576);
    const { deps, state } = given(text);
    let time = 0;
    const now = (): number => {
      time += 200;
      return time;
    };
    expect(await runImport({ ...deps, now }, toClaimed(text), never)).toEqual({ state: "completed" });
    expect(state.ends).toEqual([["renewed"], ["completed", undefined]]);
  });

  test("stops after a batch when it is cancelled, and before the first where it was already", async () => {
    const text = Array.from({ length: 500 }, (_, n) => toLine(String(n))).join("\n");
    const { deps, state } = given(text);
    state.cancel = true;
    expect(await runImport(deps, toClaimed(text), never)).toEqual({ state: "cancelled" });
    expect(state.written).toHaveLength(200);
    expect(await runImport(deps, toClaimed(text, { isCancelAsked: true }), never)).toEqual({ state: "cancelled" });
    expect(state.written).toHaveLength(200);
  });
});

describe("an import that can't go on", () => {
  const fails = async (error: AppError, tries = 1) => {
    const { deps, state } = given("1");
    const objects = { ...deps.objects, readRange: () => Promise.reject(error) };
    const end = await runImport({ ...deps, objects }, toClaimed("1", { tries }), never);
    return [end.state, ...state.ends];
  };

  test.each([
    ["conflict", "the object is another one"],
    ["not_found", "no object"],
    ["permission_denied", "no"],
  ] as const)("fails: %s", async (code, message) => {
    expect(await fails(new AppError(code, message))).toEqual(["failed", ["failed", code]]);
  });

  test("for a while is left for later, thirty times", async () => {
    const away = new AppError("unavailable", "away");
    expect(await fails(away)).toEqual(["paused", ["released", 10_000]]);
    const deadlock = new AppError("conflict", "lost a race", { reason: "serialization" });
    expect(await fails(deadlock)).toEqual(["paused", ["released", 10_000]]);
    expect(await fails(away, 30)).toEqual(["failed", ["failed", "unavailable"]]);
  });

  test("fails where its collection was deleted", async () => {
    const { deps, state } = given("1");
    await runImport({ ...deps, collections: { find: async () => undefined } }, toClaimed("1"), never);
    expect(state.ends).toEqual([["failed", "not_found"]]);
  });

  test("is left alone where another worker has it", async () => {
    const { deps, state } = given("1");
    const lost = new AppError("conflict", "another worker has it", { reason: "lease_lost" });
    const imports = { ...deps.imports, write: () => Promise.reject(lost) };
    await expect(runImport({ ...deps, imports }, toClaimed("1"), never)).rejects.toBe(lost);
    expect(state.ends).toEqual([]);
  });
});

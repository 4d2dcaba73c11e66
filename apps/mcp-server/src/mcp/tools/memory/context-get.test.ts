import type { Objects } from "@devmesh/adapters";
import type { Principal } from "@devmesh/auth";
import { type ContextId, contextKey, parseWith, type StoredContext, type TenantId } from "@devmesh/models";
import type { ContextRepository } from "@devmesh/repositories";
import { describe, expect, it } from "vitest";
import type { ToolCall } from "../tool.ts";
import { contextGet } from "./context-get.ts";

const tenantId = "019ad9b5-6c00-7000-8000-000000000002" as TenantId;
const id = "019ad9b5-6c00-7000-8000-000000000021" as ContextId;
const text = "what locked the ledger\n".repeat(10);
const ready = {
  id,
  name: "incident.md",
  mediaType: "text/markdown",
  size: Buffer.byteLength(text),
  sha256: "00",
  state: "ready",
  metadata: { service: "billing" },
  summary: { state: "done", text: "A lock." },
  embedding: { state: "done" },
  createdAt: "2026-11-21T00:00:00.000Z",
  expiresAt: "2099-01-01T00:00:00.000Z",
} as const satisfies StoredContext;

const asked: string[] = [];
const objects: Pick<Objects, "readRange" | "presignGet"> = {
  readRange: async (key, { start, end }) => {
    asked.push(key);
    return Buffer.from(text).subarray(start, end);
  },
  presignGet: async ({ expiresInSeconds }) => ({
    method: "GET",
    url: `https://bucket.example/?for=${expiresInSeconds}`,
    expiresAt: new Date("2026-11-21T00:15:00Z"),
  }),
};

// biome-ignore lint/suspicious/noExplicitAny: what the tool answers is what the tests are about
async function get(given: object, context: Partial<StoredContext> | "missing" = {}, withBucket = true): Promise<any> {
  const find = async () => (context === "missing" ? undefined : { ...ready, ...context });
  const tool = contextGet({
    contexts: { find } as unknown as ContextRepository,
    objects: withBucket ? (objects as Objects) : undefined,
  });
  const call = { caller: { principal: { tenantId } as Principal }, signal: new AbortController().signal };
  const answer = await tool.call(parseWith(tool.input, { contextId: id, ...given }), call as unknown as ToolCall);
  if (answer.kind !== "complete") throw new Error("not complete");
  expect(tool.output.safeParse(answer.output).error).toBeUndefined();
  return answer.output;
}

describe("context_get", () => {
  it("gives summary, metadata and a part of a text, and the next part after it", async () => {
    const first = await get({ maxBytes: 100 });
    expect(first).toMatchObject({
      context: { name: "incident.md", summary: { text: "A lock." }, metadata: { service: "billing" } },
      excerpt: { text: text.slice(0, 100), startByte: 0, endByte: 100, isLast: false },
    });
    expect(first.download).toBeUndefined();
    const rest = await get({ startByte: 100, maxBytes: 65_536 });
    expect(rest.excerpt).toMatchObject({ text: text.slice(100), isLast: true });
    expect(new Set(asked)).toEqual(new Set([contextKey({ tenantId, id })]));
  });

  it("gives a link for fifteen minutes where it is asked for, or the object is no text", async () => {
    const { excerpt, download } = await get({ link: true, maxBytes: 0 });
    expect(excerpt).toBeUndefined();
    expect(download).toEqual({
      method: "GET",
      url: "https://bucket.example/?for=900",
      expiresAt: "2026-11-21T00:15:00.000Z",
    });
    const image = await get({}, { mediaType: "image/png" });
    expect(image.excerpt).toBeUndefined();
    expect(image.download.url).toContain("bucket.example");
  });

  it("tells of one that can't be read, and gives nothing of it", async () => {
    for (const state of ["uploading", "expired"] as const) {
      expect(await get({ link: true }, { state })).toEqual({ context: expect.objectContaining({ state }) });
    }
  });

  it("needs the context, an id, and a bucket for what is in it", async () => {
    await expect(get({}, "missing")).rejects.toMatchObject({ code: "not_found" });
    await expect(get({ contextId: "1" })).rejects.toMatchObject({ code: "not_found" });
    await expect(get({ maxBytes: 65_537 })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(get({}, {}, false)).rejects.toMatchObject({ code: "failed_precondition", reason: "not_configured" });
    expect(await get({ maxBytes: 0 }, {}, false)).toMatchObject({ context: { id } });
  });
});

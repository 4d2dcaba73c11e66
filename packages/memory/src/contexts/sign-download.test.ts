import type { ContextId, StoredContext, TenantId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { findReadable, objectsOf, signDownload } from "./sign-download.ts";

const tenantId = "019ad9b5-6c00-7000-8000-000000000002" as TenantId;
const id = "019ad9b5-6c00-7000-8000-000000000021" as ContextId;
const context = {
  id,
  name: "incident.md",
  mediaType: "text/markdown",
  state: "ready",
  expiresAt: "2026-11-21T12:00:00.000Z",
} as unknown as StoredContext;

function storeOf(found: Partial<StoredContext> | undefined) {
  return { find: async () => found && { ...context, ...found } };
}

describe("a context that is read", () => {
  it("is there, uploaded, and in its time", async () => {
    await expect(findReadable(storeOf({}), tenantId, id)).resolves.toEqual(context);
    await expect(findReadable(storeOf(undefined), tenantId, id)).rejects.toMatchObject({ code: "not_found" });
    await expect(findReadable(storeOf({ state: "expired" }), tenantId, id)).rejects.toMatchObject({
      code: "failed_precondition",
      reason: "expired",
    });
    await expect(findReadable(storeOf({ state: "uploading" }), tenantId, id)).rejects.toMatchObject({
      code: "failed_precondition",
      reason: "not_uploaded",
    });
  });

  it("is signed for no longer than it lives", async () => {
    const presignGet = async () => ({
      method: "GET" as const,
      url: "https://bucket.example/x",
      expiresAt: new Date("2026-11-21T13:00:00Z"),
    });
    const signed = await signDownload({ presignGet }, { tenantId, context }, 3_600);
    expect(signed).toEqual({ method: "GET", url: "https://bucket.example/x", expiresAt: "2026-11-21T12:00:00.000Z" });
  });

  it("needs a bucket", () => {
    expect(() => objectsOf({ objects: undefined })).toThrow("this mesh has no bucket for contexts");
  });
});

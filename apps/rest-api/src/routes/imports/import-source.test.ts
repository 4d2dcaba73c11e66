import type { Objects } from "@devmesh/adapters";
import { describe, expect, it } from "vitest";
import { storeSource } from "./import-source.ts";

const objects: Pick<Objects, "put" | "delete"> = {
  put: async (_key, body) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of body) pieces.push(piece);
    return { size: Buffer.concat(pieces).byteLength, etag: "e", sha256: "00" };
  },
  delete: async () => [],
};

function store(stream: ReadableStream<Uint8Array>, headers: Record<string, string> = {}) {
  const signal = new AbortController().signal;
  return storeSource(objects, { key: "k", stream, headers: new Headers(headers), signal });
}

describe("the body of an import", () => {
  it("is stored as it comes", async () => {
    const stream = new Blob(["{}\n", "{}"]).stream();
    expect(await store(stream)).toMatchObject({ key: "k", size: 5, identity: { sha256: "00" } });
  });

  it("that breaks off is the sender's doing, and no fault", async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("aborted")),
    });
    await expect(store(stream)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("is refused where it is empty, or says that it is too long", async () => {
    await expect(store(new Blob([]).stream())).rejects.toMatchObject({ code: "invalid_argument" });
    const declared = { "content-length": String(2 ** 31) };
    await expect(store(new Blob(["{}"]).stream(), declared)).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "payload_too_large",
    });
  });
});

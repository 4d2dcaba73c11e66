import type { ContextId, TenantId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { cutAtCharacters, readExcerpt } from "./read-excerpt.ts";

const text = "a€b😀cäd";
const bytes = Buffer.from(text);
const context = { id: "019ad9b5-6c00-7000-8000-000000000021" as ContextId, size: bytes.length };
const tenantId = "019ad9b5-6c00-7000-8000-000000000002" as TenantId;
const objects = {
  readRange: async (_key: string, { start, end }: { start: number; end: number }) => bytes.subarray(start, end),
};
const signal = new AbortController().signal;

describe("an excerpt", () => {
  it("holds whole characters, wherever it is cut, and parts join to the whole", async () => {
    for (let maxBytes = 4; maxBytes <= bytes.length; maxBytes += 1) {
      let startByte = 0;
      let joined = "";
      while (startByte < bytes.length) {
        const part = await readExcerpt(objects, { tenantId, context }, { startByte, maxBytes, signal });
        expect(part.startByte).toBe(startByte);
        expect(part.endByte).toBeGreaterThan(startByte);
        joined += part.text;
        startByte = part.endByte;
      }
      expect(joined).toBe(text);
    }
  });

  it("begins with the next character where it is asked for within one, and is empty behind the end", async () => {
    const within = await readExcerpt(objects, { tenantId, context }, { startByte: 2, maxBytes: 100, signal });
    expect(within).toEqual({ text: "b😀cäd", startByte: 4, endByte: bytes.length });
    const behind = await readExcerpt(objects, { tenantId, context }, { startByte: 99, maxBytes: 100, signal });
    expect(behind).toEqual({ text: "", startByte: bytes.length, endByte: bytes.length });
  });

  it("of what is no UTF-8 ends all the same", () => {
    expect(cutAtCharacters(Buffer.alloc(10, 0x80), 5, false)).toMatchObject({ startByte: 9, endByte: 15 });
  });
});

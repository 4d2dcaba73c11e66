import { createHash } from "node:crypto";
import type { Vector } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { embedLocally } from "./embed-locally.ts";

const sizes = [256, 512, 1024] as const;

/** Any UTF-16, lone surrogates too. (fast-check's own "binary" takes a second to begin with.) */
const anyText = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength: 200, size: "max" })
  .map((codes) => String.fromCharCode(...codes));

function embed(text: string): Vector {
  const [vector] = embedLocally([text], 512);
  if (vector === undefined) throw new Error("no vector");
  return vector;
}

function nearness(a: string, b: string): number {
  const other = embed(b);
  return embed(a).reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0);
}

describe("embedLocally", () => {
  it("gives one vector of unit length a text, whatever the text", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 4 }), fc.constantFrom(...sizes), (texts, dimensions) => {
        const vectors = embedLocally(texts, dimensions);
        expect(vectors).toHaveLength(texts.length);
        for (const vector of vectors) {
          expect(vector).toHaveLength(dimensions);
          expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
        }
      }),
    );
  });

  it.each(["", " ", "\n", "…", "\ud800", "🙂", "a", "1", "x".repeat(100_000), "{}[]()"])(
    "gives %j a vector of unit length",
    (text) => expect(Math.hypot(...embed(text))).toBeCloseTo(1, 5),
  );

  it("does not depend on what else is embedded", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (text, others) => {
        expect(embedLocally([...others, text], 256).at(-1)).toEqual(embedLocally([text], 256)[0]);
      }),
    );
  });

  it("tells texts without words apart", () => {
    expect(nearness("🙂🙂🙂🙂", "→→→→")).toBeLessThan(0.9);
    expect(nearness("🙂🙂🙂🙂", " 🙂🙂🙂🙂 ")).toBeCloseTo(1, 5);
  });

  it("is blind to case, compatible forms and accents", () => {
    expect(nearness("Straße CAFÉ ﬁle", "STRASSE cafe file")).toBeCloseTo(1, 5);
    expect(nearness("Ｆｕｌｌ width", "full width")).toBeCloseTo(1, 5);
  });

  it.each([
    ["how leases expire", "a lease that expired is taken back", "vectors are kept as halfvec"],
    ["indexing of documents", "the document was indexed", "a password is hashed"],
    ["retry after throttling", "calls that are throttled are retried later", "the console shows agents"],
    ["reconnect", "connections and reconnection", "budgets of a tenant"],
    ["東京の天気", "今日の東京はいい天気です", "データベースの設定"],
    ["เชียงใหม่", "ไปเที่ยวเชียงใหม่", "ฐานข้อมูล"],
    ["parse frame header", "function parseFrameHeader(bytes)", "function openDatabase(url)"],
    ["Donaudampfschiff", "Donaudampfschifffahrt", "Kaffeehaus"],
  ])("finds %j nearer to %j than to %j", (query, near, far) => {
    expect(nearness(query, near)).toBeGreaterThan(nearness(query, far) + 0.1);
  });

  it("finds a text of the same rare words nearer than one of the same common words", () => {
    const query = "what is the purpose of the bulkhead";
    expect(nearness(query, "bulkheads bound the calls under way")).toBeGreaterThan(
      nearness(query, "what is the use of the thing that it is"),
    );
  });
});

describe("vectors of the local model", () => {
  it("are those that were stored before: another hash, weight or stem needs another model id", () => {
    const texts = ["The quick brown fox jumps over the lazy dog.", "naïve ﬁle 東京都 parseFrame", ""];
    const bytes = createHash("sha256");
    for (const vector of embedLocally(texts, 256)) bytes.update(new Uint8Array(vector.buffer));
    expect(bytes.digest("hex")).toBe("15e6ecaa8b3c759e651d4669dd6eac25daf9be281da4353bb59c74986a150361");
  });
});

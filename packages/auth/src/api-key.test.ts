import { randomBytes } from "node:crypto";
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { apiKeyKinds, createApiKey, displayOf, hashApiKey, parseApiKey } from "./api-key.ts";
import { crc32 } from "./crc32.ts";

const zeros = (size: number): Uint8Array => new Uint8Array(size);

describe("createApiKey", () => {
  it.each(apiKeyKinds)("makes a %s key that parses", (kind) => {
    const text = createApiKey(kind, randomBytes);
    expect(text).toMatch(new RegExp(`^dm_${kind}_[0-9A-Za-z]{36}$`));
    expect(parseApiKey(text)).toEqual({ kind, text });
  });

  it("makes a fixed key of fixed bytes", () => {
    // CRC-32 of "dm_pat_" and thirty zeros, in base 62.
    const body = `dm_pat_${"0".repeat(30)}`;
    const text = createApiKey("pat", zeros);
    expect(text.slice(0, -6)).toBe(body);
    const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const checksum = [...text.slice(-6)].reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0);
    expect(checksum).toBe(zlibCrc32(body));
  });

  it("draws again for bytes that would make digits uneven", () => {
    const draws = [new Uint8Array(30).fill(255), new Uint8Array(30).fill(61)];
    expect(createApiKey("svc", () => draws.shift() ?? zeros(30))).toContain(`dm_svc_${"z".repeat(30)}`);
  });

  it("gives up on a source without usable bytes", () => {
    expect(() => createApiKey("pat", (size) => new Uint8Array(size).fill(255))).toThrow(/random source/);
  });
});

describe("parseApiKey", () => {
  const good = createApiKey("agt", randomBytes);

  it("refuses every change of a single character", () => {
    for (let index = 0; index < good.length; index += 1) {
      const other = good[index] === "x" ? "y" : "x";
      expect(parseApiKey(good.slice(0, index) + other + good.slice(index + 1))).toBeUndefined();
    }
  });

  it.each([
    "",
    "dm_pat_",
    good.slice(0, -1),
    `${good}0`,
    ` ${good}`,
    `${good}\n`,
    good.toUpperCase(),
    good.replace("agt", "adm"),
    good.replace("agt", "pat"),
    "x".repeat(100_000),
  ])("refuses %j", (text) => {
    expect(parseApiKey(text)).toBeUndefined();
  });
});

describe("hashApiKey", () => {
  it("is HMAC-SHA256 under the pepper", () => {
    // RFC 4231, test case 2.
    expect(hashApiKey("what do ya want for nothing?", "Jefe").toString("hex")).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    expect(hashApiKey("a", "one")).not.toEqual(hashApiKey("a", "two"));
  });
});

describe("displayOf", () => {
  it("shows the prefix and the last four characters", () => {
    expect(displayOf("dm_pat_0123456789012345678901234567890abcde")).toBe("dm_pat_…bcde");
  });
});

describe("crc32", () => {
  it.each([
    ["", 0],
    ["123456789", 0xcbf43926],
  ])("of %j is %d", (text, expected) => {
    expect(crc32(text)).toBe(expected);
  });
});

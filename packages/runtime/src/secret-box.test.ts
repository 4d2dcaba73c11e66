import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createSecretBox, type SecretKey } from "./secret-box.ts";

const key = (id: string): SecretKey => ({ id, key: randomBytes(32) });

describe("createSecretBox", () => {
  it("opens what it sealed, in its place", () => {
    const box = createSecretBox([key("a")]);
    const sealed = box.seal("hünter2", "tenant server TOKEN");
    expect(box.open(sealed, "tenant server TOKEN")).toBe("hünter2");
    expect(JSON.stringify(sealed)).not.toContain("nter2");
    expect(box.seal("hünter2", "tenant server TOKEN").ciphertext).not.toBe(sealed.ciphertext);
  });

  it("refuses what was sealed for another place, or was changed", () => {
    const box = createSecretBox([key("a")]);
    const sealed = box.seal("hunter2", "here");
    expect(() => box.open(sealed, "there")).toThrow("can't be opened");
    const changed = Buffer.from(sealed.ciphertext, "base64").map((byte) => byte ^ 1);
    expect(() => box.open({ ...sealed, ciphertext: Buffer.from(changed).toString("base64") }, "here")).toThrow(
      "can't be opened",
    );
    expect(() => box.open({ ...sealed, tag: sealed.tag.slice(0, 8) }, "here")).toThrow();
  });

  it("seals with the first key and opens with all: so keys are rotated", () => {
    const old = key("old");
    const sealed = createSecretBox([old]).seal("hunter2", "here");
    const rotated = createSecretBox([key("new"), old]);
    expect([rotated.sealsWith, createSecretBox([]).sealsWith]).toEqual(["new", undefined]);
    expect(rotated.open(sealed, "here")).toBe("hunter2");
    expect(rotated.seal("x", "here").keyId).toBe("new");
    const gone = createSecretBox([key("new")]);
    expect(() => gone.open(sealed, "here")).toThrow(expect.objectContaining({ reason: "no_secrets_key" }));
  });

  it("gives equal texts one fingerprint, which depends on the key", () => {
    const keys = [key("a"), key("b")];
    const print = createSecretBox(keys).fingerprint("hunter2");
    expect(print).toMatch(/^[0-9a-f]{64}$/);
    expect(createSecretBox(keys).fingerprint("hunter2")).toBe(print);
    expect(createSecretBox(keys).fingerprint("hunter3")).not.toBe(print);
    expect(createSecretBox([key("a")]).fingerprint("hunter2")).not.toBe(print);
  });

  it("keeps nothing without a key", () => {
    expect(() => createSecretBox([]).fingerprint("hunter2")).toThrow(
      expect.objectContaining({ reason: "no_secrets_key" }),
    );
    expect(() => createSecretBox([]).seal("hunter2", "here")).toThrow(
      expect.objectContaining({ code: "failed_precondition", reason: "no_secrets_key" }),
    );
  });
});

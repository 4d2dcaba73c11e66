import { randomBytes } from "node:crypto";
import { type ApiKeyId, AppError, type TenantId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { createApiKey, hashApiKey } from "./api-key.ts";
import { type Authenticator, createAuthenticator } from "./authenticator.ts";
import type { StoredApiKey } from "./key-principal.ts";

const pepper = "pepper";

/** An authenticator over a table in memory, with the look-ups counted and the clock in hand. */
class Bench {
  time = 1_000_000;
  lookUps = 0;
  failWith: unknown;
  readonly keysByHash = new Map<string, StoredApiKey>();
  readonly authenticator: Authenticator = createAuthenticator({
    pepper,
    now: () => this.time,
    maxEntries: 3,
    findKeyByHash: async (hash) => {
      this.lookUps += 1;
      await Promise.resolve();
      if (this.failWith !== undefined) throw this.failWith;
      return this.keysByHash.get(hash.toString("hex"));
    },
  });

  add(fields: Partial<StoredApiKey> = {}): string {
    const text = createApiKey("pat", randomBytes);
    this.keysByHash.set(hashApiKey(text, pepper).toString("hex"), {
      tenantId: "t" as TenantId,
      id: "k" as ApiKeyId,
      kind: "pat",
      scopes: ["tasks:read"],
      ...fields,
    });
    return text;
  }

  async refusal(credential: string | undefined): Promise<string> {
    try {
      await this.authenticator.authenticate(credential);
    } catch (error) {
      if (error instanceof AppError && error.code === "unauthenticated") {
        if (credential !== undefined) expect(error.message).not.toContain(credential);
        return error.reason ?? "";
      }
    }
    throw new Error("was not refused");
  }
}

describe("createAuthenticator", () => {
  it("turns a key into its principal", async () => {
    const bench = new Bench();
    const text = bench.add({ kind: "agt", scopes: ["agents:connect", "from:the-future"], agentName: "reviewer-1" });
    expect(await bench.authenticator.authenticate(text)).toEqual({
      tenantId: "t",
      id: "k",
      kind: "agt",
      scopes: ["agents:connect"],
      agentName: "reviewer-1",
    });
  });

  it("says what is wrong, without a look-up where the text alone tells", async () => {
    const bench = new Bench();
    expect(await bench.refusal(undefined)).toBe("missing_credential");
    expect(await bench.refusal("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln")).toBe("token_unsupported");
    expect(await bench.refusal("dm_pat_short")).toBe("malformed_key");
    expect(await bench.refusal(`${bench.add().slice(0, -1)}!`)).toBe("malformed_key");
    expect(bench.lookUps).toBe(0);
    expect(await bench.refusal(createApiKey("pat", randomBytes))).toBe("unknown_key");
    expect(await bench.refusal(bench.add({ revokedAt: new Date(1) }))).toBe("revoked_key");
    expect(await bench.refusal(bench.add({ expiresAt: new Date(1), expiresInMs: 0 }))).toBe("expired_key");
  });

  it("remembers a key for 30 s, so that a revocation takes no longer", async () => {
    const bench = new Bench();
    const text = bench.add();
    await bench.authenticator.authenticate(text);
    bench.keysByHash.clear();
    bench.time += 29_999;
    await bench.authenticator.authenticate(text);
    expect(bench.lookUps).toBe(1);
    bench.time += 1;
    expect(await bench.refusal(text)).toBe("unknown_key");
  });

  it("sees an expiry while it remembers the key", async () => {
    const bench = new Bench();
    const text = bench.add({ expiresInMs: 10 });
    await bench.authenticator.authenticate(text);
    bench.time += 10;
    expect(await bench.refusal(text)).toBe("expired_key");
    expect(bench.lookUps).toBe(1);
  });

  it("goes by what the store's clock says is left, not by its own", async () => {
    const bench = new Bench();
    const text = bench.add({ expiresAt: new Date(bench.time - 600_000), expiresInMs: 1 });
    expect(await bench.authenticator.authenticate(text)).toMatchObject({ id: "k" });
    const over = bench.add({ expiresAt: new Date(bench.time + 600_000), expiresInMs: -1 });
    expect(await bench.refusal(over)).toBe("expired_key");
  });

  it("remembers an unknown key for 5 s", async () => {
    const bench = new Bench();
    const text = bench.add();
    const kept = new Map(bench.keysByHash);
    bench.keysByHash.clear();
    await bench.refusal(text);
    for (const [hash, key] of kept) bench.keysByHash.set(hash, key);
    bench.time += 4_999;
    expect(await bench.refusal(text)).toBe("unknown_key");
    bench.time += 1;
    expect(await bench.authenticator.authenticate(text)).toMatchObject({ id: "k" });
  });

  it("looks a key up once for many callers at the same time", async () => {
    const bench = new Bench();
    const text = bench.add();
    await Promise.all(Array.from({ length: 50 }, () => bench.authenticator.authenticate(text)));
    expect(bench.lookUps).toBe(1);
  });

  it("passes a failed look-up on and does not remember it", async () => {
    const bench = new Bench();
    const text = bench.add();
    bench.failWith = new AppError("unavailable", "database is away");
    const both = [bench.authenticator.authenticate(text), bench.authenticator.authenticate(text)];
    for (const attempt of both) await expect(attempt).rejects.toMatchObject({ code: "unavailable" });
    bench.failWith = undefined;
    expect(await bench.authenticator.authenticate(text)).toMatchObject({ id: "k" });
    expect(bench.lookUps).toBe(2);
  });

  it("is bounded: what was used longest ago is looked up again, and unknown keys drive no good one out", async () => {
    const bench = new Bench();
    const [first, second, third, fourth] = [bench.add(), bench.add(), bench.add(), bench.add()];
    for (const text of [first, second, third, first]) await bench.authenticator.authenticate(text);
    for (let count = 0; count < 10; count += 1) await bench.refusal(createApiKey("pat", randomBytes));
    bench.lookUps = 0;
    await bench.authenticator.authenticate(fourth);
    await bench.authenticator.authenticate(first);
    expect(bench.lookUps).toBe(1);
    await bench.authenticator.authenticate(second);
    expect(bench.lookUps).toBe(2);
  });

  it("counts the age of an answer from the question", async () => {
    const bench = new Bench();
    const text = bench.add();
    const asking = bench.authenticator.authenticate(text);
    bench.time += 20_000;
    await asking;
    bench.time += 10_000;
    await bench.authenticator.authenticate(text);
    expect(bench.lookUps).toBe(2);
  });
});

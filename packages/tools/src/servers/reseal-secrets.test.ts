import { AppError, type TenantId, type ToolServerId } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { type ResealDeps, resealSecrets, type StoredSecret } from "./reseal-secrets.ts";

const tenantId = "t" as TenantId;
const stored = (at: number, more: Partial<StoredSecret> = {}): StoredSecret => ({
  ...{ tenantId, id: "s" as ToolServerId, name: `N${String(at).padStart(4, "0")}` },
  ...{ keyId: "old", nonce: "", tag: "", ciphertext: `text ${at}` },
  ...more,
});

/** Keeps secrets in the order of their names; a box whose old key is `openable`. */
function setUp(secrets: StoredSecret[], openable = ["old", "new"]): ResealDeps {
  return {
    secrets: {
      findOthers: async ({ keyId, limit, after }) =>
        secrets.filter((one) => one.keyId !== keyId && one.name > (after?.name ?? "")).slice(0, limit),
      replace: async (read, sealed) => {
        const at = secrets.indexOf(read);
        if (at === -1) return false;
        secrets[at] = { ...read, ...sealed };
        return true;
      },
    },
    box: {
      sealsWith: "new",
      seal: (text, place) => ({ keyId: "new", nonce: "", tag: place, ciphertext: text }),
      open: ({ keyId, ciphertext }) => {
        if (openable.includes(keyId)) return ciphertext;
        throw new AppError("failed_precondition", `no key ${keyId}`);
      },
    },
  };
}

describe("resealSecrets", () => {
  test("seals all that another key sealed, for the same place, and nothing twice", async () => {
    const secrets = [
      ...Array.from({ length: 450 }, (_, at) => stored(at)),
      stored(999, { keyId: "new", tag: "as it is" }),
    ];
    const deps = setUp(secrets);
    expect(await resealSecrets(deps)).toEqual({ keyId: "new", resealed: 450, left: 0, reasons: [] });
    expect(secrets[7]).toEqual(stored(7, { keyId: "new", tag: "t\ns\nN0007" }));
    expect(secrets.at(-1)?.tag).toBe("as it is");
    expect(await resealSecrets(deps)).toMatchObject({ resealed: 0 });
  });

  test("leaves what it can't open, and goes on behind it", async () => {
    const secrets = [...Array.from({ length: 250 }, (_, at) => stored(at, { keyId: "gone" })), stored(998)];
    const done = await resealSecrets(setUp(secrets, ["old"]));
    expect(done).toMatchObject({ resealed: 1, left: 250 });
    expect(done.reasons).toHaveLength(20);
    expect(done.reasons[0]).toBe("server s, N0000: no key gone");
    expect(secrets[0]).toEqual(stored(0, { keyId: "gone" }));
  });

  test("leaves what was changed meanwhile", async () => {
    const secrets = [stored(1)];
    const deps = setUp(secrets);
    const replace: ResealDeps["secrets"]["replace"] = async () => false;
    expect(await resealSecrets({ ...deps, secrets: { ...deps.secrets, replace } })).toMatchObject({
      resealed: 0,
      left: 0,
    });
  });

  test("needs a key", async () => {
    const { secrets, box } = setUp([]);
    await expect(resealSecrets({ secrets, box: { ...box, sealsWith: undefined } })).rejects.toMatchObject({
      reason: "no_secrets_key",
    });
  });
});

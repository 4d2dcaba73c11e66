import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { AppError, type SealedSecret } from "@devmesh/models";

/** A key of 32 bytes, and the name under which what it sealed is stored. */
export interface SecretKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Keeps texts so that only who has the key reads them, and only in the place that they were sealed for. */
export interface SecretBox {
  /** The id of the key that seals; undefined without one. */
  readonly sealsWith: string | undefined;
  /** @throws AppError `failed_precondition`, reason `no_secrets_key`, without a key. */
  seal(text: string, place: string): SealedSecret;
  /**
   * @throws AppError `failed_precondition`, reason `no_secrets_key`, where the key that sealed it is not here; `internal` for
   * what was sealed for another place, or was changed.
   */
  open(sealed: SealedSecret, place: string): string;
  /**
   * Equal for equal texts, and nothing to whoever hasn't the key: HMAC-SHA-256 in hex. Another one when keys are rotated.
   *
   * @throws AppError `failed_precondition`, reason `no_secrets_key`, without a key.
   */
  fingerprint(text: string): string;
}

const algorithm = "aes-256-gcm";
/** What GCM is made for; with random ones a key is good for some 2^32 secrets. */
const nonceBytes = 12;

/** Makes a box by AES-256-GCM. The first key seals, all of them open: so keys are rotated. */
export function createSecretBox(keys: readonly SecretKey[]): SecretBox {
  const keyById = new Map(keys.map(({ id, key }) => [id, key]));
  const [first] = keys;
  return {
    sealsWith: first?.id,
    seal(text, place) {
      if (first === undefined) throw noKey(noneConfigured);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, first.key, nonce).setAAD(Buffer.from(place));
      const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return {
        keyId: first.id,
        nonce: nonce.toString("base64"),
        ciphertext: ciphertext.toString("base64"),
        tag: cipher.getAuthTag().toString("base64"),
      };
    },
    fingerprint(text) {
      if (first === undefined) throw noKey(noneConfigured);
      return createHmac("sha256", first.key).update("fingerprint\n").update(text).digest("hex");
    },
    open({ keyId, nonce, ciphertext, tag }, place) {
      const key = keyById.get(keyId);
      if (key === undefined)
        throw noKey(`a secret was sealed with the key ${JSON.stringify(keyId)}, which is not configured`);
      const decipher = createDecipheriv(algorithm, key, Buffer.from(nonce, "base64"), { authTagLength: 16 })
        .setAAD(Buffer.from(place))
        .setAuthTag(Buffer.from(tag, "base64"));
      try {
        return Buffer.concat([decipher.update(Buffer.from(ciphertext, "base64")), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new AppError("internal", "a sealed secret can't be opened: it was changed, or is not where it belongs", {
          cause,
        });
      }
    },
  };
}

const noneConfigured = "secrets can't be kept: no key is configured";

function noKey(message: string): AppError {
  return new AppError("failed_precondition", message, { reason: "no_secrets_key" });
}

import { AppError, type NamedSecret, type SealedSecret, toAppError } from "@devmesh/models";
import { placeOf, type SecretOwner } from "./secrets.ts";
import type { SecretBox } from "./server-store.ts";

/** A secret as it is stored, and whose it is. */
export interface StoredSecret extends NamedSecret, SecretOwner {}

/** Where the sealed secrets of all tenants are. */
export interface SealedSecrets {
  /** Those that another key than this one sealed, by server and name, from behind `after` on. */
  findOthers(asked: {
    readonly keyId: string;
    readonly limit: number;
    readonly after: Pick<StoredSecret, "id" | "name"> | undefined;
  }): Promise<readonly StoredSecret[]>;
  /** Puts what is newly sealed in the place of what was read. False where that is not there any more. */
  replace(read: StoredSecret, sealed: SealedSecret): Promise<boolean>;
}

/** What resealing stands on. */
export interface ResealDeps {
  readonly secrets: SealedSecrets;
  readonly box: SecretBox & { readonly sealsWith: string | undefined };
}

/** How far it came. */
export interface Resealed {
  /** The key that seals now. */
  readonly keyId: string;
  readonly resealed: number;
  /** Secrets that could not be opened: they stay as they are. */
  readonly left: number;
  /** Why, of the first 20. */
  readonly reasons: readonly string[];
}

/** Secrets that are read together. */
const pageSize = 200;
const maxReasons = 20;

/**
 * Seals every secret anew that another key has sealed, so that the other can be taken away. It may be run again, and beside
 * services: a secret that is changed meanwhile is left as it then is.
 *
 * @throws AppError `failed_precondition`, reason `no_secrets_key`, where there is no key to seal with.
 */
export async function resealSecrets({ secrets, box }: ResealDeps): Promise<Resealed> {
  const keyId = box.sealsWith;
  if (keyId === undefined) {
    throw new AppError("failed_precondition", "no key is configured to seal with", { reason: "no_secrets_key" });
  }
  let resealed = 0;
  let left = 0;
  const reasons: string[] = [];
  let after: StoredSecret | undefined;
  do {
    const page: readonly StoredSecret[] = await secrets.findOthers({ keyId, limit: pageSize, after });
    for (const secret of page) {
      const sealed = reseal(box, secret);
      if (typeof sealed === "string") {
        left += 1;
        if (reasons.length < maxReasons) reasons.push(`server ${secret.id}, ${secret.name}: ${sealed}`);
      } else if (await secrets.replace(secret, sealed)) resealed += 1;
    }
    after = page.at(-1);
  } while (after !== undefined);
  return { keyId, resealed, left, reasons };
}

/** The same text for the same place, or why it can't be read. */
function reseal(box: SecretBox, secret: StoredSecret): SealedSecret | string {
  const place = placeOf(secret, secret.name);
  try {
    return box.seal(box.open(secret, place), place);
  } catch (error) {
    return toAppError(error).message;
  }
}

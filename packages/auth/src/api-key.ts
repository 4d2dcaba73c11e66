import { createHmac } from "node:crypto";
import { assert } from "@devmesh/models";
import { crc32 } from "./crc32.ts";

/** A person's key, an agent's key, and a service's key. */
export const apiKeyKinds = ["pat", "agt", "svc"] as const;

/** One of {@link apiKeyKinds}. */
export type ApiKeyKind = (typeof apiKeyKinds)[number];

/** What a key's text says of itself; that it exists only the store knows. */
export interface ParsedApiKey {
  readonly kind: ApiKeyKind;
  /** The whole key. */
  readonly text: string;
}

/** Gives `size` random bytes of a cryptographic source, such as `randomBytes` of `node:crypto`. */
export type RandomBytes = (size: number) => Uint8Array;

// dm_ <kind> _ <30 base62> <6 base62>
//              178 bits    CRC-32 of all that precedes it, most significant digit first

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const bodyLength = 30;
const checksumLength = 6;
const keyPattern = /^dm_(pat|agt|svc)_[0-9A-Za-z]{36}$/;

/** Makes a fresh key. It is shown once; what is kept is its {@link hashApiKey} and its {@link displayOf}. */
export function createApiKey(kind: ApiKeyKind, randomBytes: RandomBytes): string {
  const body = `dm_${kind}_${randomBase62(bodyLength, randomBytes)}`;
  return body + checksumOf(body);
}

/**
 * Reads a key by its form and its checksum alone, so that a mistyped or made-up one costs no look-up. `undefined` for
 * anything else.
 */
export function parseApiKey(text: string): ParsedApiKey | undefined {
  const kind = apiKeyKinds.find((known) => known === keyPattern.exec(text)?.[1]);
  if (kind === undefined) return undefined;
  const body = text.slice(0, -checksumLength);
  return checksumOf(body) === text.slice(-checksumLength) ? { kind, text } : undefined;
}

/** What is stored of a key: HMAC-SHA256 under the installation's pepper, 32 bytes. A stolen table alone proves nothing. */
export function hashApiKey(text: string, pepper: string): Buffer {
  return createHmac("sha256", pepper).update(text).digest();
}

/** How a key is shown in lists: its prefix and its last four characters, `dm_pat_…x7Qz`. */
export function displayOf(text: string): string {
  return `${text.slice(0, 7)}…${text.slice(-4)}`;
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let digits = "";
  for (let digit = 0; digit < checksumLength; digit += 1) {
    digits = alphabet.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** Bytes from 248 on are thrown away: taken modulo 62 they would make some digits likelier than others. */
function randomBase62(length: number, randomBytes: RandomBytes): string {
  let digits = "";
  for (let draws = 0; digits.length < length; draws += 1) {
    assert(draws < 100, "the random source gives no usable bytes");
    for (const byte of randomBytes(length)) {
      if (byte < 248 && digits.length < length) digits += alphabet.charAt(byte % 62);
    }
  }
  return digits;
}

/** A secret as it is stored: by AES-256-GCM. The bytes are base64. */
export interface SealedSecret {
  /** Which key it was sealed with. */
  readonly keyId: string;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** The sealed secret of a variable or a header. */
export interface NamedSecret extends SealedSecret {
  readonly name: string;
}

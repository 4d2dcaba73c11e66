import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { AppError } from "@devmesh/models";
import { nameOfAwsError } from "../aws-error.ts";

/** Which KMS. Credentials are found as the SDK finds them. */
export interface KmsOptions {
  readonly region: string;
  /** Where a stand-in listens; the region's own endpoint when absent. */
  readonly endpoint?: string | undefined;
}

/**
 * Has KMS decrypt a data key, as `GenerateDataKey` or `Encrypt` gave it: the ciphertext says which key of KMS it was.
 *
 * @throws AppError `unavailable`, reason `kms`: nothing that the key is for can be read.
 */
export async function decryptKey(wrapped: Uint8Array, { region, endpoint }: KmsOptions): Promise<Buffer> {
  const client = new KMSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
  try {
    const { Plaintext } = await client.send(new DecryptCommand({ CiphertextBlob: wrapped }));
    return Buffer.from(Plaintext ?? []);
  } catch (cause) {
    throw new AppError("unavailable", `kms decrypt failed: ${nameOfAwsError(cause)}`, { reason: "kms", cause });
  } finally {
    client.destroy();
  }
}

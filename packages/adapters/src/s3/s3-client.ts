import { S3Client } from "@aws-sdk/client-s3";

/** Which S3, and as whom. */
export interface S3ClientOptions {
  /** Where a stand-in listens; the region's own endpoint when absent. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  /** The SDK's own chain (environment, profile, role) when absent. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** Until an answer begins, and between two packets of it; not for the whole of it. */
const silenceMs = 15_000;

/** Opens a client of S3; nothing is sent before the first call. The caller destroys it. */
export function createS3Client({ endpoint, region, credentials }: S3ClientOptions): S3Client {
  return new S3Client({
    region,
    // a stand-in has no host name for each bucket
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    // loops and breakers above decide about trying again
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: silenceMs,
      socketTimeout: silenceMs,
      throwOnRequestTimeout: true,
    },
  });
}

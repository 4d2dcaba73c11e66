import { SQSClient } from "@aws-sdk/client-sqs";

/** Which SQS, and as whom. */
export interface SqsClientOptions {
  /** Where a stand-in listens; the region's own endpoint when absent. */
  readonly endpoint?: string;
  readonly region: string;
  /** The SDK's own chain (environment, profile, role) when absent. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Longer than the longest long poll, 20 s. */
const requestTimeoutMs = 30_000;

/** Opens a client of SQS; nothing is sent before the first call. The caller destroys it. */
export function createSqsClient(options: SqsClientOptions): SQSClient {
  const { endpoint, region, credentials } = options;
  return new SQSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    // A stand-in's queue URLs carry host names that only it knows.
    useQueueUrlAsEndpoint: endpoint === undefined,
    // Loops and breakers above decide about trying again.
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  });
}

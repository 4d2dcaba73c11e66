import type { Duplex } from "node:stream";
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";

/** Which Bedrock, and as whom. */
export interface BedrockClientOptions {
  readonly region: string;
  /** Where a stand-in listens; the region's own endpoint when absent. */
  readonly endpoint?: string | undefined;
  /** The SDK's own chain (environment, profile, role) when absent. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** How a connection is made, as through a proxy; by TLS to the host itself when absent. */
  readonly connect?: ((authority: URL) => Duplex) | undefined;
}

/** What a stand-in is shown: it checks the form alone, and an account's own are nobody else's business. */
const standInCredentials = { accessKeyId: "devmesh-stand-in", secretAccessKey: "devmesh-stand-in" };
/**
 * Longer than any call, shorter than the 350 s after which NAT gateways drop a silent connection without a word, on which
 * calls would then run out of time.
 */
const sessionTimeoutMs = 180_000;

/** Opens a client of Bedrock Runtime, over HTTP/2; nothing is sent before the first call. The caller destroys it. */
export function createBedrockClient(options: BedrockClientOptions): BedrockRuntimeClient {
  const { region, endpoint, credentials, connect } = options;
  return new BedrockRuntimeClient({
    region,
    // A bearer token in the environment, which would be preferred, is for AWS alone, as credentials are.
    ...(endpoint !== undefined && { endpoint, credentials: standInCredentials, authSchemePreference: ["sigv4"] }),
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    // Routing decides about trying again: it knows other regions and models.
    maxAttempts: 1,
    // Calls share a connection, where the client's default is one for each, with its TLS handshake. Its time limits are
    // `withinLimit`'s affair: those of this handler end with the head of an answer.
    requestHandler: {
      disableConcurrentStreams: false,
      sessionTimeout: sessionTimeoutMs,
      ...(connect !== undefined && { nodeHttp2ConnectOptions: { createConnection: connect } }),
    },
  });
}

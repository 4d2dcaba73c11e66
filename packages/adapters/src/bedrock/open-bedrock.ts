import type { BedrockClientOptions } from "./bedrock-client.ts";
import { type BedrockTransport, type GuardOptions, openBedrockTransport } from "./bedrock-transport.ts";

/** Which regions, in order of preference, and how their calls are guarded. */
export interface BedrockOptions extends Omit<BedrockClientOptions, "region">, GuardOptions {
  readonly regions: readonly string[];
}

/** The way to Bedrock. Disposing ends what is under way. */
export interface Bedrock extends AsyncDisposable {
  /** One a region, in the order that was given. */
  readonly transports: readonly BedrockTransport[];
}

/**
 * Opens Amazon Bedrock: nothing is sent before the first call. Without `endpoint` calls go to AWS, signed with what the SDK's
 * chain finds; with one, to a stand-in, signed with credentials that are no account's.
 */
export function openBedrock({ regions, endpoint, credentials, connect, ...guards }: BedrockOptions): Bedrock {
  const stack = new DisposableStack();
  const transports = regions.map((region) =>
    stack.use(openBedrockTransport({ region, endpoint, credentials, connect }, guards)),
  );
  return {
    transports,
    [Symbol.asyncDispose]: () => {
      stack.dispose();
      return Promise.resolve();
    },
  };
}

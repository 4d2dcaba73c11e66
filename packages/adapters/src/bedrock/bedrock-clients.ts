import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { type BedrockClientOptions, createBedrockClient } from "./bedrock-client.ts";

/** The client of a region, which can be changed for a new one with a connection of its own. */
export interface BedrockClients extends Disposable {
  readonly current: BedrockRuntimeClient;
  /**
   * To be called when a call ran out of time: its connection may have been dropped without a word, as gateways do, and the
   * system notices that after a quarter of an hour. The calls that follow go on a new one. What is under way on the old one
   * has `lingerMs` to end. Of a client that was replaced already nothing happens, so it is at most one new for each time limit.
   */
  replace(client: BedrockRuntimeClient): void;
}

/** Opens the first client; nothing is sent. */
export function openBedrockClients(options: BedrockClientOptions, lingerMs: number): BedrockClients {
  const leaving = new Map<BedrockRuntimeClient, NodeJS.Timeout>();
  let current = createBedrockClient(options);

  function end(client: BedrockRuntimeClient): void {
    clearTimeout(leaving.get(client));
    leaving.delete(client);
    client.destroy();
  }

  return {
    get current() {
      return current;
    },
    replace: (client) => {
      if (client !== current) return;
      leaving.set(
        client,
        setTimeout(() => end(client), lingerMs),
      );
      current = createBedrockClient(options);
    },
    [Symbol.dispose]: () => {
      for (const client of leaving.keys()) end(client);
      current.destroy();
    },
  };
}

import { type BedrockRuntimeClient, InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime";
import { AppError } from "@devmesh/models";

/** What a model answered to its own kind of request, parsed. */
export interface InvokeAnswer {
  readonly body: unknown;
  /** By the service's own count, which is what is billed; undefined where it doesn't say. */
  readonly inputTokens: number | undefined;
}

/** Not among what the SDK gives: of the answers of some models the only place where tokens are counted. */
const tokensHeader = "x-amzn-bedrock-input-token-count";

/** Sends one InvokeModel. @throws what the SDK throws; AppError `unavailable` for an answer that is no whole JSON. */
export async function sendInvoke(
  client: BedrockRuntimeClient,
  { modelId, body }: { readonly modelId: string; readonly body: unknown },
  abortSignal: AbortSignal,
): Promise<InvokeAnswer> {
  const command = new InvokeModelCommand({
    modelId,
    contentType: "application/json",
    accept: "application/json",
    body: JSON.stringify(body),
  });
  let inputTokens: number | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      inputTokens = readTokens(result.response);
      return result;
    },
    { step: "deserialize" },
  );
  const output = await client.send(command, { abortSignal });
  return { body: parseBody(output.body, modelId), inputTokens };
}

function readTokens(response: unknown): number | undefined {
  const { headers } = response as { readonly headers?: Readonly<Record<string, string>> };
  const text = headers?.[tokensHeader] ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function parseBody(bytes: Uint8Array, modelId: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new AppError("unavailable", `the answer of ${modelId} breaks off after ${bytes.length} bytes`, {
      reason: "broken_answer",
      cause,
    });
  }
}

import type { ServerHttp2Stream } from "node:http2";
import { refusal } from "./refusal.ts";

/** InvokeModel's own limit, as AWS's API reference has it. */
const maxBodyBytes = 25_000_000;

/** Reads a request's body. @throws AppError where it is too large, or the client has gone. */
export async function readRequest(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) {
      throw refusal("RequestEntityTooLargeException", `body exceeds the limit of ${maxBodyBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

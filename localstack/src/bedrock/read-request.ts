import type { ServerHttp2Stream } from "node:http2";
import { refusal } from "./refusal.ts";

/** InvokeModel's own limit, as AWS's API reference has it. */
const maxBodyBytes = 25_000_000;

/** Reads a request's body; what is past the limit is read and dropped. @throws AppError where it is too large, or breaks off. */
export function readRequest(stream: ServerHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) {
        chunks.push(chunk);
        return;
      }
      chunks = [];
      reject(refusal("RequestEntityTooLargeException", `body exceeds the limit of ${maxBodyBytes} bytes`));
    });
    stream.once("end", () => resolve(Buffer.concat(chunks)));
    stream.once("close", () => reject(refusal("ValidationException", "the request breaks off")));
  });
}

import { AppError, assertStorableJson } from "@devmesh/models";
import { isJsonContentType, readRequestBody } from "@modelcontextprotocol/server";

/** Of a body: the SDK's own bound, and that of the specification's text on servers. */
export const maxBodyBytes = 4_194_304;

/**
 * Reads the JSON-RPC message of a POST, counting while it comes in.
 *
 * @throws AppError `invalid_argument` for another content type (reason `unsupported_media_type`), for what is no JSON
 * (`malformed_json`) and for JSON that nests too deep; `resource_exhausted`, reason `payload_too_large`.
 */
export async function readMessage(request: Request): Promise<unknown> {
  assertContentType(request.headers);
  const text = await readText(request);
  const message = parseJson(text);
  assertStorableJson(message);
  if (typeof message === "object" && message !== null && !Array.isArray(message)) return message;
  throw new AppError("invalid_argument", "the body is no JSON-RPC message: one is due, and batches are not taken");
}

function assertContentType(headers: Headers): void {
  const given = headers.get("content-type");
  const encoding = headers.get("content-encoding") ?? "identity";
  const complaint = isJsonContentType(given)
    ? `content encoding ${JSON.stringify(encoding.slice(0, 80))}: the body must not be compressed`
    : `content type ${JSON.stringify((given ?? "").slice(0, 80))}: the body must be application/json`;
  if (isJsonContentType(given) && encoding === "identity") return;
  throw new AppError("invalid_argument", complaint, { reason: "unsupported_media_type" });
}

async function readText(request: Request): Promise<string> {
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  // no more than was declared arrives, and this way needs no stream: a third of a small request's time
  if (declared <= maxBodyBytes) return request.text().catch(endedEarly);
  const body = await readRequestBody(request, maxBodyBytes).catch(endedEarly);
  if (!body.tooLarge) return body.text;
  throw new AppError("resource_exhausted", `body exceeds the limit of ${maxBodyBytes} bytes`, {
    reason: "payload_too_large",
  });
}

function endedEarly(cause: unknown): never {
  throw new AppError("cancelled", "the body ended before its time", { cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("invalid_argument", "the body is not valid JSON", { reason: "malformed_json", cause });
  }
}

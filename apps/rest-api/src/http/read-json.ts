import { AppError, assertStorableJson } from "@devmesh/models";

/** How a body is read. */
export interface ReadJsonOptions {
  readonly maxBytes: number;
  /** No body at all is `undefined` instead of an error. */
  readonly isOptional: boolean;
  /** The caller looks for what JSON may not hold, item by item. */
  readonly isCheckedByItem?: boolean;
}

/**
 * Reads a JSON body, counting while it comes in, so that no more than the limit is ever kept. What is parsed is handed
 * on as it is: a schema library would drop `__proto__`.
 *
 * @throws AppError `invalid_argument` for another content type (reason `unsupported_media_type`), for what is no UTF-8 or
 * no JSON, and for JSON that nests too deep or holds a number that is not finite; `resource_exhausted`, reason `payload_too_large`.
 */
export async function readJson(request: Request, options: ReadJsonOptions): Promise<unknown> {
  const bytes = await readBytes(request, options.maxBytes);
  if (bytes.length === 0 && options.isOptional) return undefined;
  if (bytes.length > 0 || request.headers.has("content-type")) assertContentType(request.headers);
  const value = parseJson(decodeUtf8(bytes));
  if (options.isCheckedByItem !== true) assertStorableJson(value);
  return value;
}

function assertContentType(headers: Headers): void {
  const given = headers.get("content-type") ?? "";
  const [type = "", ...parameters] = given.toLowerCase().split(";");
  const isUtf8 = parameters.every((one) => !/^\s*charset\s*=/.test(one) || /^\s*charset\s*=\s*"?utf-8"?\s*$/.test(one));
  const encoding = headers.get("content-encoding") ?? "identity";
  if (type.trim() === "application/json" && isUtf8 && encoding === "identity") return;
  const message =
    encoding === "identity"
      ? `content type ${JSON.stringify(given.slice(0, 80))}: the body must be application/json in UTF-8`
      : `content encoding ${JSON.stringify(encoding.slice(0, 80))}: the body must not be compressed`;
  throw new AppError("invalid_argument", message, { reason: "unsupported_media_type" });
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(declared, maxBytes);
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let part = await readPart(reader); !part.done; part = await readPart(reader)) {
    size += part.value.length;
    if (size > maxBytes) {
      await reader.cancel().catch(() => undefined); // the client may be gone already
      throw tooLarge(size, maxBytes);
    }
    chunks.push(part.value);
  }
  return Buffer.concat(chunks, size);
}

type Part = { readonly done: false; readonly value: Uint8Array } | { readonly done: true };

async function readPart(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Part> {
  try {
    const { done, value } = await reader.read();
    return done || value === undefined ? { done: true } : { done: false, value };
  } catch (cause) {
    throw new AppError("cancelled", "the body ended before its time", { cause });
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError("invalid_argument", "the body is not valid UTF-8", { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const what = text.trim() === "" ? "the body is empty, JSON is due" : "the body is not valid JSON";
    throw new AppError("invalid_argument", what, { reason: "malformed_json", cause });
  }
}

function tooLarge(size: number, maxBytes: number): AppError {
  return new AppError("resource_exhausted", `body of ${size} bytes exceeds the limit of ${maxBytes}`, {
    reason: "payload_too_large",
  });
}

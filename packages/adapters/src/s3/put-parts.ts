import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { AppError } from "@devmesh/models";

/** How S3 is asked: each call of it by itself, guarded and with its errors translated. */
export interface PutDeps {
  readonly client: S3Client;
  readonly run: <T>(call: (abortSignal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** Bytes from somewhere, and what they become. */
export interface PutRequest {
  readonly bucket: string;
  readonly key: string;
  readonly mediaType: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly maxBytes: number;
}

/** What was stored. */
export interface PutResult {
  readonly size: number;
  readonly etag: string;
  /** Of the whole object, in hex. */
  readonly sha256: string;
}

/** S3's smallest part is 5 MiB and its most 10,000, so that this reaches 78 GiB. Two of them are in memory at most. */
const partBytes = 8 * 1_024 * 1_024;

/** Stores a stream: in one request where it is one part, else part by part; what fails halfway leaves nothing. */
export async function putParts(deps: PutDeps, request: PutRequest): Promise<PutResult> {
  const hash = createHash("sha256");
  const parts = cutIntoParts(request, (piece) => hash.update(piece));
  const first = await parts.next();
  const start = first.done ? new Uint8Array() : first.value;
  const second = await parts.next();
  const stored = second.done
    ? await putWhole(deps, request, start)
    : await putMany(deps, request, prepend([start, second.value], parts));
  return { ...stored, sha256: hash.digest("hex") };
}

async function putWhole(
  { client, run }: PutDeps,
  { bucket: Bucket, key: Key, mediaType: ContentType }: PutRequest,
  Body: Uint8Array,
): Promise<Omit<PutResult, "sha256">> {
  const command = new PutObjectCommand({ Bucket, Key, ContentType, Body });
  const { ETag = "" } = await run((abortSignal) => client.send(command, { abortSignal }));
  return { size: Body.byteLength, etag: ETag };
}

async function putMany(
  { client, run }: PutDeps,
  { bucket: Bucket, key: Key, mediaType: ContentType }: PutRequest,
  parts: AsyncIterable<Uint8Array>,
): Promise<Omit<PutResult, "sha256">> {
  const begin = new CreateMultipartUploadCommand({ Bucket, Key, ContentType });
  const { UploadId } = await run((abortSignal) => client.send(begin, { abortSignal }));
  const Parts: CompletedPart[] = [];
  let size = 0;
  try {
    for await (const Body of parts) {
      const PartNumber = Parts.length + 1;
      const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body });
      const { ETag = "" } = await run((abortSignal) => client.send(command, { abortSignal }));
      Parts.push({ PartNumber, ETag });
      size += Body.byteLength;
    }
    const whole = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
    const { ETag = "" } = await run((abortSignal) => client.send(whole, { abortSignal }));
    return { size, etag: ETag };
  } catch (error) {
    // best effort, whoever called it off: the bucket's lifecycle ends what is left behind
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
    throw error;
  }
}

async function* prepend(
  first: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array, undefined>,
): AsyncGenerator<Uint8Array, undefined> {
  yield* first;
  return yield* rest;
}

async function* cutIntoParts(
  { body, maxBytes }: PutRequest,
  onPiece: (piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array, undefined> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let total = 0;
  for await (const piece of body) {
    total += piece.byteLength;
    if (total > maxBytes) {
      throw new AppError("resource_exhausted", `upload exceeds the limit of ${maxBytes} bytes`, {
        reason: "too_large",
      });
    }
    onPiece(piece);
    pieces.push(piece);
    held += piece.byteLength;
    while (held >= partBytes) {
      const all = Buffer.concat(pieces);
      yield all.subarray(0, partBytes);
      const rest = all.subarray(partBytes);
      pieces = [rest];
      held = rest.byteLength;
    }
  }
  if (held > 0) yield Buffer.concat(pieces);
  return undefined;
}

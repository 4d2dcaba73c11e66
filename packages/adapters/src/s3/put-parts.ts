import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { AppError } from "@devmesh/models";

/** Sends one command to S3; errors are translated. */
export interface SendParts {
  (command: CreateMultipartUploadCommand): Promise<{ readonly UploadId?: string | undefined }>;
  (
    command: PutObjectCommand | UploadPartCommand | CompleteMultipartUploadCommand,
  ): Promise<{ readonly ETag?: string | undefined }>;
  (command: AbortMultipartUploadCommand): Promise<unknown>;
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
export async function putParts(send: SendParts, request: PutRequest): Promise<PutResult> {
  const { bucket: Bucket, key: Key, mediaType: ContentType } = request;
  const hash = createHash("sha256");
  const parts = cutIntoParts(request, (piece) => hash.update(piece));
  const first = await parts.next();
  const second = first.done ? first : await parts.next();
  const start = first.done ? new Uint8Array() : first.value;
  if (second.done) {
    const sent = await send(new PutObjectCommand({ Bucket, Key, ContentType, Body: start }));
    return { size: start.byteLength, etag: sent.ETag ?? "", sha256: hash.digest("hex") };
  }
  const { UploadId } = await send(new CreateMultipartUploadCommand({ Bucket, Key, ContentType }));
  const Parts: CompletedPart[] = [];
  let size = 0;
  const sendPart = async (Body: Uint8Array): Promise<void> => {
    const PartNumber = Parts.length + 1;
    const { ETag = "" } = await send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
    Parts.push({ PartNumber, ETag });
    size += Body.byteLength;
  };
  try {
    await sendPart(start);
    await sendPart(second.value);
    for await (const part of parts) await sendPart(part);
    const whole = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
    const { ETag = "" } = await send(new CompleteMultipartUploadCommand(whole));
    return { size, etag: ETag, sha256: hash.digest("hex") };
  } catch (error) {
    // best effort: the bucket's lifecycle ends what is left behind
    await send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
    throw error;
  }
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

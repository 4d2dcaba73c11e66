import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { AppError } from "@devmesh/models";
import { type BreakerOptions, createBreaker } from "../breaker.ts";
import {
  type DownloadTerms,
  type PresignedDownload,
  type PresignedUpload,
  presignDownload,
  presignUpload,
  type UploadTerms,
} from "./presign.ts";
import { type PutResult, putParts } from "./put-parts.ts";
import { createS3Client, type S3ClientOptions } from "./s3-client.ts";
import { toS3Error } from "./s3-error.ts";

/** Which bucket. */
export interface ObjectsOptions extends S3ClientOptions {
  readonly bucket: string;
  /** Where those who get presigned URLs reach S3, if not at `endpoint`. */
  readonly publicEndpoint?: string | undefined;
  readonly breaker?: BreakerOptions | undefined;
}

/** What is known of an object without reading it. */
export interface ObjectHead {
  readonly size: number;
  /** Names this very content: another write has another one. */
  readonly etag: string;
  /** In hex; undefined where it was stored without one, or in parts. */
  readonly sha256: string | undefined;
  readonly mediaType: string | undefined;
}

/** Which bytes: `[start, end)`, cut off at the object's own end. With `etag`, of this content alone. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
  readonly etag?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How an object is written by us. */
export interface PutOptions {
  readonly mediaType: string;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The objects of one bucket. Every operation has a breaker and a time limit; presigning asks nobody.
 *
 * All throw AppError: `unavailable` (reason `breaker_open` while a breaker is open), `deadline_exceeded`, `cancelled`,
 * `permission_denied`, `resource_exhausted`, `not_found` for the bucket or the object, `invalid_argument`.
 */
export interface Objects {
  /** Lets its holder store the one object that `terms` describe, and no other. */
  presignPut(terms: UploadTerms): Promise<PresignedUpload>;
  presignGet(terms: DownloadTerms): Promise<PresignedDownload>;
  /** Undefined where there is none. */
  head(key: string, signal?: AbortSignal): Promise<ObjectHead | undefined>;
  /** @throws AppError `conflict` where the object is another one than `etag` by now; `invalid_argument` past its end. */
  readRange(key: string, range: ByteRange): Promise<Uint8Array>;
  /** The same as it arrives; whoever stops reading early ends the request. */
  streamRange(key: string, range: ByteRange): AsyncGenerator<Uint8Array, undefined>;
  /** Stores a stream with two parts of 8 MiB in memory at most. @throws AppError `resource_exhausted`, reason `too_large`. */
  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult>;
  /** Any number of them; those that are not there count as deleted. Gives the keys that could not be. */
  delete(keys: readonly string[], signal?: AbortSignal): Promise<readonly string[]>;
  /** Makes the bucket where it is missing. At a stand-in, which has an `endpoint`, it is made with the first that is written. */
  ensureBucket(): Promise<void>;
}

/** All calls but those that carry bytes end within this. */
const callTimeoutMs = 10_000;
/** One part of 8 MiB. */
const partTimeoutMs = 60_000;
/** Of one DeleteObjects: S3's limit. */
const maxDeletes = 1_000;

type Guard = <T>(call: (abortSignal: AbortSignal) => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** A stand-in checks no credentials, but the client signs with some. */
const standInCredentials = { accessKeyId: "devmesh", secretAccessKey: "devmesh" };

/** Opens a bucket; nothing is sent before the first call. */
export function openObjects(options: ObjectsOptions): Objects & AsyncDisposable {
  const { bucket, endpoint, publicEndpoint = endpoint } = options;
  const breakers = new DisposableStack();
  const who = { credentials: endpoint === undefined ? undefined : standInCredentials, ...options };
  const client = createS3Client(who);
  const signer = publicEndpoint === endpoint ? client : createS3Client({ ...who, endpoint: publicEndpoint });
  const withBucket = endpoint === undefined ? async () => undefined : bucketMaker(client, bucket);

  function guard(operation: string, timeoutMs = callTimeoutMs): Guard {
    const breaker = breakers.use(createBreaker(operation, options.breaker));
    return (call, signal) => breaker.run(() => withTimeout(operation, { timeoutMs, signal }, call));
  }

  const write = guard("s3 put", partTimeoutMs);
  const readers = rangeReaders(client, bucket, guard("s3 get"));
  return {
    presignPut: async (terms) => {
      await withBucket();
      return presignUpload(signer, bucket, terms);
    },
    presignGet: (terms) => presignDownload(signer, bucket, terms),
    head: headReader(client, bucket, guard("s3 head")),
    ...readers,
    put: async (key, body, { signal, ...how }) => {
      await withBucket();
      return putParts({ client, run: (call) => write(call, signal) }, { bucket, key, body, ...how });
    },
    delete: deleter(client, bucket, guard("s3 delete")),
    ensureBucket: () => ensureBucket(client, bucket),
    [Symbol.asyncDispose]: async () => {
      breakers.dispose();
      client.destroy();
      signer.destroy();
    },
  };
}

async function withTimeout<T>(
  operation: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    return await call(signal === undefined ? late : AbortSignal.any([signal, late]));
  } catch (error) {
    if (!late.aborted || signal?.aborted) throw toS3Error(error, operation);
    throw new AppError("deadline_exceeded", `${operation} took longer than ${timeoutMs} ms`, { cause: error });
  }
}

function headReader(client: S3Client, bucket: string, guard: Guard): Objects["head"] {
  return async (key, signal) => {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" });
    try {
      const found = await guard((abortSignal) => client.send(command, { abortSignal }), signal);
      return {
        size: found.ContentLength ?? 0,
        etag: found.ETag ?? "",
        sha256: toHex(found.ChecksumSHA256),
        mediaType: found.ContentType,
      };
    } catch (error) {
      if (error instanceof AppError && error.code === "not_found") return undefined;
      throw error;
    }
  };
}

/** Of an object that came in parts the checksum is one of checksums, `…-3`: no use to anybody who has the whole. */
function toHex(checksum: string | undefined): string | undefined {
  if (checksum === undefined || checksum.includes("-")) return undefined;
  return Buffer.from(checksum, "base64").toString("hex");
}

function rangeReaders(client: S3Client, bucket: string, guard: Guard): Pick<Objects, "readRange" | "streamRange"> {
  async function* streamRange(key: string, range: ByteRange): AsyncGenerator<Uint8Array, undefined> {
    if (range.end <= range.start) return undefined;
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      Range: `bytes=${range.start}-${range.end - 1}`,
      ...(range.etag !== undefined && { IfMatch: range.etag }),
    });
    // reading may take its time: the client ends it when the socket falls silent
    const leaving = new AbortController();
    const ends = range.signal === undefined ? leaving.signal : AbortSignal.any([leaving.signal, range.signal]);
    try {
      const { Body } = await guard(() => client.send(command, { abortSignal: ends }));
      if (Body === undefined) return undefined;
      for await (const piece of Body.transformToWebStream()) yield piece;
      return undefined;
    } catch (error) {
      if (range.signal?.aborted) throw new AppError("cancelled", "s3 get was cancelled", { cause: error });
      throw toS3Error(error, "s3 get");
    } finally {
      leaving.abort();
    }
  }

  return {
    streamRange,
    readRange: async (key, range) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of streamRange(key, range)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}

function deleter(client: S3Client, bucket: string, guard: Guard): Objects["delete"] {
  return async (keys, signal) => {
    const failed: string[] = [];
    for (let from = 0; from < keys.length; from += maxDeletes) {
      const part = keys.slice(from, from + maxDeletes).map((Key) => ({ Key }));
      const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: part, Quiet: true } });
      const { Errors = [] } = await guard((abortSignal) => client.send(command, { abortSignal }), signal);
      for (const { Key } of Errors) if (Key !== undefined) failed.push(Key);
    }
    return failed;
  };
}

/** Makes it once; after a failure the next call tries again. */
function bucketMaker(client: S3Client, bucket: string): () => Promise<void> {
  let made: Promise<void> | undefined;
  return () => {
    made ??= ensureBucket(client, bucket).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

async function ensureBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }), { abortSignal: AbortSignal.timeout(callTimeoutMs) });
  } catch (error) {
    const isThere = error instanceof Error && error.name.startsWith("BucketAlready");
    if (!isThere) throw toS3Error(error, "s3 create bucket");
  }
}

import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { assert } from "@devmesh/models";

/** The one object that an upload may bring. */
export interface UploadTerms {
  readonly key: string;
  /** In bytes; one request brings at most 5 GiB, S3's own limit. */
  readonly size: number;
  readonly mediaType: string;
  /** Of the whole object, in hex. */
  readonly sha256: string;
  /** At most 604,800, S3's own limit; when the request must have begun. */
  readonly expiresInSeconds: number;
}

/** A request that its holder may make without any other credential. `headers` must be sent exactly so. */
export interface PresignedUpload {
  readonly method: "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** When it must have begun. */
  readonly expiresAt: Date;
}

/** The same to read. */
export interface PresignedDownload {
  readonly method: "GET";
  readonly url: string;
  readonly expiresAt: Date;
}

/** What a download's answer says of itself. */
export interface DownloadTerms {
  readonly key: string;
  readonly mediaType?: string | undefined;
  /** As what a browser saves it; it is never shown in place. */
  readonly fileName?: string | undefined;
  readonly expiresInSeconds: number;
}

const checksumHeader = "x-amz-checksum-sha256";
/** The presigner would move the checksum into the query, and leave the type out of what is signed. */
const inHeaders = {
  unhoistableHeaders: new Set([checksumHeader]),
  signableHeaders: new Set(["host", "content-length", "content-type", checksumHeader]),
};

/** Signs an upload; length, type and checksum are in the signature, so that S3 refuses any other object. */
export async function presignUpload(client: S3Client, bucket: string, terms: UploadTerms): Promise<PresignedUpload> {
  const checksum = Buffer.from(terms.sha256, "hex").toString("base64");
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: terms.key,
    ContentLength: terms.size,
    ContentType: terms.mediaType,
    ChecksumSHA256: checksum,
  });
  const url = await getSignedUrl(client, command, { expiresIn: terms.expiresInSeconds, ...inHeaders });
  const headers = {
    "content-length": String(terms.size),
    "content-type": terms.mediaType,
    [checksumHeader]: checksum,
  };
  return { method: "PUT", url, headers, expiresAt: expiryOf(url) };
}

/** Signs a download. */
export async function presignDownload(
  client: S3Client,
  bucket: string,
  terms: DownloadTerms,
): Promise<PresignedDownload> {
  const { key, mediaType, fileName, expiresInSeconds } = terms;
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(mediaType !== undefined && { ResponseContentType: mediaType }),
    ...(fileName !== undefined && { ResponseContentDisposition: toDisposition(fileName) }),
  });
  const url = await getSignedUrl(client, command, { expiresIn: expiresInSeconds });
  return { method: "GET", url, expiresAt: expiryOf(url) };
}

/** As the signature says it, which is what S3 goes by. */
function expiryOf(url: string): Date {
  const { searchParams } = new URL(url);
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(searchParams.get("X-Amz-Date") ?? "") ?? [];
  const signedAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const seconds = Number(searchParams.get("X-Amz-Expires"));
  assert(Number.isFinite(signedAt) && seconds > 0, "a presigned URL says when it was signed, and for how long");
  return new Date(signedAt + seconds * 1_000);
}

/** RFC 6266 with RFC 8187's form, in which any name can be written. */
function toDisposition(fileName: string): string {
  const encoded = encodeURIComponent(fileName.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename*=UTF-8''${encoded}`;
}

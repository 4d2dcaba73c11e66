import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { refusal } from "./refusal.ts";

/** What is signed of a request. Header names are lower-case, as HTTP/2 has them, `:authority` among them. */
export interface SignedRequest {
  readonly method: string;
  /** As it was sent, percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

/** What the stand-in knows the secret of, and so can check whole. Of any other key it checks the form alone. */
export interface KnownKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const algorithm = "AWS4-HMAC-SHA256";
const formPattern =
  /^AWS4-HMAC-SHA256 Credential=(?<key>[\w-]{3,128})\/(?<day>\d{8})\/(?<region>[a-z0-9-]{5,30})\/(?<service>[a-z0-9-]+)\/aws4_request, ?SignedHeaders=(?<signed>[a-z0-9;:-]+), ?Signature=(?<signature>[0-9a-f]{64})$/;
/** AWS's own bound. */
const maxSkewMs = 5 * 60_000;

/**
 * Checks a request's signature, version 4: its form, its scope, its date, that host and date are signed, the hash of the body;
 * and with a known key the signature itself. Gives the region that it is for.
 *
 * @throws AppError with a reason of AWS's, as it would answer.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export function checkSignature(request: SignedRequest, known: KnownKey, nowMs: number): { readonly region: string } {
  const authorization = headerOf(request, "authorization");
  if (authorization === undefined) throw refusal("MissingAuthenticationTokenException", "Missing Authentication Token");
  const parts = formPattern.exec(authorization)?.groups;
  if (parts === undefined) {
    throw refusal("IncompleteSignatureException", `Authorization header is not of the form of ${algorithm}`);
  }
  const { key = "", day = "", region = "", service = "", signed = "", signature = "" } = parts;
  if (service !== "bedrock") {
    throw refusal("InvalidSignatureException", "Credential should be scoped to correct service: 'bedrock'. ");
  }
  const names = signed.split(";");
  if (!(names.includes("host") || names.includes(":authority")) || !names.includes("x-amz-date")) {
    throw refusal("InvalidSignatureException", "'Host' or ':authority' and 'x-amz-date' must be signed headers");
  }
  const date = checkDate(headerOf(request, "x-amz-date"), day, nowMs);
  checkBodyHash(request);
  if (key !== known.accessKeyId) return { region };
  const scope = `${day}/${region}/bedrock/aws4_request`;
  const expected = sign(toTextToSign(request, { names, date, scope }), [known.secretAccessKey, day, region]);
  if (timingSafeEqual(Buffer.from(expected, "hex"), Buffer.from(signature, "hex"))) return { region };
  throw refusal("InvalidSignatureException", "The request signature we calculated does not match the one you provided");
}

function checkDate(date: string | undefined, day: string, nowMs: number): string {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date ?? "");
  if (date === undefined || match === null || !date.startsWith(day)) {
    throw refusal(
      "IncompleteSignatureException",
      "X-Amz-Date is missing, malformed, or of another day than the credential",
    );
  }
  const [, year, month, dayOfMonth, hour, minute, second] = match;
  const atMs = Date.parse(`${year}-${month}-${dayOfMonth}T${hour}:${minute}:${second}Z`);
  if (!(Math.abs(nowMs - atMs) <= maxSkewMs)) {
    throw refusal("InvalidSignatureException", `Signature expired or not yet current: ${date}, allowed are 5 min.`);
  }
  return date;
}

function checkBodyHash(request: SignedRequest): void {
  const stated = headerOf(request, "x-amz-content-sha256");
  if (stated !== undefined && stated !== sha256(request.body)) {
    throw refusal("InvalidSignatureException", "x-amz-content-sha256 is not the hash of the body");
  }
}

function toTextToSign(
  request: SignedRequest,
  { names, date, scope }: { readonly names: readonly string[]; readonly date: string; readonly scope: string },
): string {
  const [path = "", query = ""] = request.path.split("?");
  const canonical = [
    request.method,
    // Every service but S3 has the path encoded once more.
    path.split("/").map(encodeURIComponent).join("/"),
    query,
    ...names.map((name) => `${name}:${(headerOf(request, name) ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    sha256(request.body),
  ].join("\n");
  return [algorithm, date, scope, sha256(canonical)].join("\n");
}

function sign(text: string, [secret, day, region]: readonly [string, string, string]): string {
  const key = [day, region, "bedrock", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, text).toString("hex");
}

function headerOf({ headers }: SignedRequest, name: string): string | undefined {
  const value = headers[name] ?? (name === "host" ? headers[":authority"] : undefined);
  return typeof value === "object" ? value.join(",") : value;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

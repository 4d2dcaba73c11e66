import { createHash, createHmac, randomBytes } from "node:crypto";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Objects, openObjects } from "./objects.ts";

/*
 * What the stand-in (fauxqs 2.4.1) does: keeps objects, ranges, If-Match on GET, multipart uploads, the checksum header
 * that came with an object. What it does not: check signatures, expiry of URLs, credentials, that a body has the length
 * and checksum of its headers, response-content-* of a download. That S3 refuses another object can't be shown here; what
 * can is that the signature covers length, type and checksum, which AWS documents to be compared with what arrives.
 */

/** What the client signs with at a stand-in. */
const standInSecret = "devmesh";
const never = { expiresInSeconds: 600 };

let server: FauxqsServer;
let objects: Objects & AsyncDisposable;

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false });
  objects = open(server.port);
});
afterAll(async () => {
  await objects[Symbol.asyncDispose]();
  await server.stop();
});

function open(port: number): Objects & AsyncDisposable {
  return openObjects({ bucket: "contexts", region: "us-east-1", endpoint: `http://127.0.0.1:${port}` });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length);
}

/** What S3 computes of a request that came by a presigned URL (AWS Signature Version 4, as query parameters). */
function signatureOf(text: string, sent: Readonly<Record<string, string>>): string {
  const url = new URL(text);
  const query = [...url.searchParams]
    .filter(([name]) => name !== "X-Amz-Signature")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const headers: Readonly<Record<string, string>> = { ...sent, host: url.host };
  const signed = (url.searchParams.get("X-Amz-SignedHeaders") ?? "").split(";");
  const canonical = [
    "PUT",
    url.pathname,
    query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&"),
    ...signed.map((name) => `${name}:${headers[name]}`),
    "",
    signed.join(";"),
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const time = url.searchParams.get("X-Amz-Date") ?? "";
  const [, ...scope] = (url.searchParams.get("X-Amz-Credential") ?? "").split("/");
  const hashed = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), hashed].join("\n");
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
  const key = scope.reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${standInSecret}`);
  return hmac(key, toSign).toString("hex");
}

const text = Buffer.from("twelve bytes");

async function put(key: string, bytes: Uint8Array = text): Promise<{ readonly etag: string }> {
  return objects.put(key, pieces(bytes, 65_536), { mediaType: "text/plain", maxBytes: 100_000_000 });
}

describe("presignPut", () => {
  it("signs length, type and checksum, and what is put is found by head", async () => {
    const terms = { key: "contexts/a/ä b", size: 12, mediaType: "text/plain", sha256: sha256(text), ...never };
    const upload = await objects.presignPut(terms);
    const query = new URL(upload.url).searchParams;
    expect(query.get("X-Amz-SignedHeaders")).toBe("content-length;content-type;host;x-amz-checksum-sha256");
    expect(query.get("X-Amz-Expires")).toBe("600");
    expect(query.has("x-amz-checksum-crc32")).toBe(false);
    expect(upload.headers).toEqual({
      "content-length": "12",
      "content-type": "text/plain",
      "x-amz-checksum-sha256": createHash("sha256").update(text).digest("base64"),
    });
    const { status } = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: text });
    expect(status).toBe(200);
    expect(await objects.head("contexts/a/ä b")).toEqual({
      size: 12,
      etag: expect.stringMatching(/^".+"$/),
      sha256: sha256(text),
      mediaType: "text/plain",
    });
  });

  it("gives another signature for another length, type or checksum: S3 recomputes it from what arrives", async () => {
    const terms = { key: "contexts/a/b", size: 12, mediaType: "text/plain", sha256: sha256(text), ...never };
    const { url, headers } = await objects.presignPut(terms);
    const given = new URL(url).searchParams.get("X-Amz-Signature");
    expect(signatureOf(url, headers)).toBe(given);
    const other = createHash("sha256").update("other").digest("base64");
    for (const change of [
      { "content-length": "13" },
      { "content-type": "text/html" },
      { "x-amz-checksum-sha256": other },
    ]) {
      expect(signatureOf(url, { ...headers, ...change })).not.toBe(given);
    }
  });

  it("signs for the endpoint that its holder sees", async () => {
    const where = { bucket: "files", region: "us-east-1", endpoint: `http://127.0.0.1:${server.port}` };
    await using away = openObjects({ ...where, publicEndpoint: "https://files.example:8443" });
    const { url } = await away.presignPut({ key: "k", size: 1, mediaType: "a/b", sha256: sha256(text), ...never });
    expect(url).toMatch(/^https:\/\/files\.example:8443\/files\/k\?/);
  });
});

describe("presignGet", () => {
  it("lets its holder read the object, as the type and name that were given", async () => {
    await put("get");
    const terms = { key: "get", mediaType: "text/plain", fileName: "é'x\".txt", ...never };
    const { method, url, expiresAt } = await objects.presignGet(terms);
    expect(method).toBe("GET");
    const inMs = expiresAt.getTime() - Date.now();
    expect(inMs).toBeGreaterThan(540_000);
    expect(inMs).toBeLessThanOrEqual(600_000);
    const query = new URL(url).searchParams;
    expect(query.get("response-content-disposition")).toBe("attachment; filename*=UTF-8''%C3%A9%27x%22.txt");
    expect(query.get("response-content-type")).toBe("text/plain");
    expect(await (await fetch(url)).text()).toBe("twelve bytes");
  });
});

describe("head", () => {
  it("is undefined where there is nothing", async () => {
    expect(await objects.head("nothing")).toBeUndefined();
  });
});

describe("readRange", () => {
  it("reads from a byte to before another, cut off at the end", async () => {
    await put("range");
    expect((await objects.readRange("range", { start: 7, end: 10 })).toString()).toBe("byt");
    expect((await objects.readRange("range", { start: 7, end: 1_000 })).toString()).toBe("bytes");
    expect((await objects.readRange("range", { start: 3, end: 3 })).byteLength).toBe(0);
    await expect(objects.readRange("range", { start: 12, end: 20 })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("reads one content alone: an object that was written anew is a conflict", async () => {
    const { etag } = await put("pinned");
    const range = { start: 0, end: 6, etag };
    expect((await objects.readRange("pinned", range)).toString()).toBe("twelve");
    await put("pinned", Buffer.from("another text"));
    await expect(objects.readRange("pinned", range)).rejects.toMatchObject({ code: "conflict", reason: "s3" });
  });

  it("is not_found, and cancelled", async () => {
    await expect(objects.readRange("nothing", { start: 0, end: 1 })).rejects.toMatchObject({ code: "not_found" });
    await put("range");
    const signal = AbortSignal.abort();
    await expect(objects.readRange("range", { start: 0, end: 1, signal })).rejects.toMatchObject({ code: "cancelled" });
  });

  it("streams, and may be left early", async () => {
    await put("long", randomBytes(3_000_000));
    let seen = 0;
    for await (const piece of objects.streamRange("long", { start: 0, end: 3_000_000 })) {
      seen += piece.byteLength;
      break;
    }
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThan(3_000_000);
  });
});

describe("put", () => {
  it("stores a stream of several parts, and an empty one", async () => {
    const bytes = randomBytes(17 * 1_024 * 1_024);
    const stored = await objects.put("parts", pieces(bytes, 1_000_000), { mediaType: "a/b", maxBytes: 20_000_000 });
    expect(stored).toMatchObject({ size: bytes.byteLength, sha256: sha256(bytes) });
    const head = await objects.head("parts");
    expect(head).toMatchObject({ size: bytes.byteLength, etag: stored.etag, sha256: undefined, mediaType: "a/b" });
    expect(sha256(await objects.readRange("parts", { start: 0, end: bytes.byteLength }))).toBe(sha256(bytes));
    expect(await put("empty", Buffer.alloc(0))).toMatchObject({ size: 0, sha256: sha256(Buffer.alloc(0)) });
  });

  it("refuses more than it may bring, and leaves nothing behind", async () => {
    const bytes = randomBytes(17 * 1_024 * 1_024);
    const order = { mediaType: "a/b", maxBytes: bytes.byteLength - 1 };
    await expect(objects.put("large", pieces(bytes, 1_000_000), order)).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "too_large",
    });
    expect(await objects.head("large")).toBeUndefined();
  });

  it("fails as its source fails", async () => {
    const source = (async function* (): AsyncGenerator<Uint8Array> {
      yield text;
      throw new Error("the caller went away");
    })();
    const order = { mediaType: "a/b", maxBytes: 100 };
    await expect(objects.put("torn", source, order)).rejects.toThrow("the caller went away");
    expect(await objects.head("torn")).toBeUndefined();
  });
});

describe("delete", () => {
  it("deletes many, and what is not there", async () => {
    await put("one");
    await put("two & <more>");
    expect(await objects.delete(["one", "two & <more>", "three"])).toEqual([]);
    expect(await objects.head("one")).toBeUndefined();
    expect(await objects.head("two & <more>")).toBeUndefined();
    expect(await objects.delete([])).toEqual([]);
  });
});

describe("S3 that is away", () => {
  it("is unavailable, and after some calls fails at once; presigning a download goes on", async () => {
    await using away = openObjects({
      bucket: "contexts",
      region: "us-east-1",
      endpoint: "http://127.0.0.1:1",
      breaker: { minCalls: 1 },
    });
    await expect(away.head("a")).rejects.toMatchObject({ code: "unavailable", reason: "s3" });
    await expect(away.head("a")).rejects.toMatchObject({ code: "unavailable", reason: "breaker_open" });
    await expect(away.readRange("a", { start: 0, end: 1 })).rejects.toMatchObject({ code: "unavailable" });
    const terms = { key: "a", size: 1, mediaType: "a/b", sha256: sha256(text), ...never };
    await expect(away.presignPut(terms)).rejects.toMatchObject({ code: "unavailable" });
    await expect(away.ensureBucket()).rejects.toMatchObject({ code: "unavailable" });
    await expect(away.presignGet({ key: "a", ...never })).resolves.toMatchObject({
      url: expect.stringContaining("X-Amz-Signature="),
    });
  });

  it("is not_found for a bucket that is missing", async () => {
    const endpoint = `http://127.0.0.1:${server.port}`;
    await using other = openObjects({ bucket: "missing", region: "us-east-1", endpoint });
    await expect(other.readRange("a", { start: 0, end: 1 })).rejects.toMatchObject({ code: "not_found" });
  });

  it("makes its bucket any number of times", async () => {
    await objects.ensureBucket();
    await put("kept");
    await objects.ensureBucket();
    expect(await objects.head("kept")).toBeDefined();
  });
});

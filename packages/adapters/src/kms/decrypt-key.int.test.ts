import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decryptKey } from "./decrypt-key.ts";

/** Answers as KMS does: it "decrypts" by turning the bytes round, and knows nothing that begins with a zero. */
const kms = createServer(async (request, response) => {
  const body = JSON.parse((await request.toArray()).join(""));
  const wrapped = Buffer.from(body.CiphertextBlob, "base64");
  const isKnown = request.headers["x-amz-target"] === "TrentService.Decrypt" && wrapped[0] !== 0;
  const Plaintext = Buffer.from(wrapped.toReversed()).toString("base64");
  response.writeHead(isKnown ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
  response.end(JSON.stringify(isKnown ? { KeyId: "k", Plaintext } : { __type: "InvalidCiphertextException" }));
});
let endpoint: string;
beforeAll(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  kms.listen(0, "127.0.0.1");
  await once(kms, "listening");
  endpoint = `http://127.0.0.1:${(kms.address() as AddressInfo).port}`;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  kms.closeAllConnections();
  kms.close();
  await once(kms, "close");
});

test("gives the key that KMS decrypts", async () => {
  expect(await decryptKey(Buffer.from([1, 2, 3]), { region: "us-east-1", endpoint })).toEqual(Buffer.from([3, 2, 1]));
});

test("names what KMS refuses, without the key", async () => {
  const refused = decryptKey(Buffer.from([0, 2, 3]), { region: "us-east-1", endpoint });
  await expect(refused).rejects.toMatchObject({
    code: "unavailable",
    reason: "kms",
    message: "kms decrypt failed: InvalidCiphertextException",
  });
});

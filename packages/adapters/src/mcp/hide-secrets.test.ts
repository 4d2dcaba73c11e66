import { expect, test } from "vitest";
import { hideSecrets } from "./hide-secrets.ts";

test("secrets are taken out of a text, whole and by their long words", () => {
  const secrets = new Map([
    ["Authorization", "Bearer abcdefgh-1"],
    ["TOKEN", "s3cr"],
    ["LONG", "s3cret-and-more"],
    ["PIN", "123"],
  ]);
  const hide = hideSecrets(secrets);
  expect(hide("Authorization: Bearer abcdefgh-1")).toBe("Authorization: [secret]");
  expect(hide("bad token abcdefgh-1, Bearer")).toBe("bad token [secret], Bearer");
  expect(hide("s3cret-and-more s3cr 123")).toBe("[secret] [secret] 123");
  expect(hideSecrets(new Map())("as it is")).toBe("as it is");
});

import { expect, test } from "vitest";
import { createCommitWatch } from "./commit-watch.ts";

function message(type: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0, "latin1");
  bytes.writeInt32BE(4 + body.length, 1);
  bytes.write(body, 5, "latin1");
  return bytes;
}

const stream = Buffer.concat([
  message("T", "COMMIT\0"),
  message("C", "UPDATE 1\0"),
  message("C", "COMMIT\0"),
  message("Z", "I"),
]);

test.each([1, 3, 7, stream.length])("stops a COMMIT's answer, and nothing else, in chunks of %i bytes", (size) => {
  let commits = 0;
  const watch = createCommitWatch(() => {
    commits++;
    return false;
  });
  const verdicts: boolean[] = [];
  for (let from = 0; from < stream.length; from += size) verdicts.push(watch(stream.subarray(from, from + size)));
  expect(commits).toBe(1);
  expect(verdicts.filter((isWelcome) => !isWelcome)).toHaveLength(1);
});

test("lets a COMMIT's answer through when it may", () => {
  expect(createCommitWatch(() => true)(stream)).toBe(true);
});

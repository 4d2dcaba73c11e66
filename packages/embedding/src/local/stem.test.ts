import { describe, expect, it } from "vitest";
import { stem } from "./stem.ts";

describe("stem", () => {
  it.each([
    ["index", "indexes", "indexed", "indexing", "indexer"],
    ["file", "files", "filed", "filing"],
    ["use", "uses", "used", "using"],
    ["cache", "caches", "cached", "caching"],
    ["stop", "stops", "stopped", "stopping"],
    ["create", "creates", "created", "creating", "creation"],
    ["query", "queries"],
    ["deploy", "deploys", "deployed", "deployment"],
    ["call", "calls", "called", "calling"],
    ["fix", "fixes", "fixed", "fixing"],
    ["make", "makes", "making"],
  ])("gives the forms of %j one stem", (...forms) => {
    expect(new Set(forms.map(stem))).toHaveLength(1);
  });

  it.each([
    ["note", "not"],
    ["need", "new"],
    ["string", "str"],
    ["status", "state"],
    ["class", "clas"],
    ["bus", "bu"],
    ["speed", "spe"],
    ["here", "her"],
    ["thing", "the"],
  ])("keeps %j and %j apart", (one, other) => {
    expect(stem(one)).not.toBe(stem(other));
  });

  it.each(["日本", "größe", "ab", "http2", ""])("leaves %j as it is", (word) => expect(stem(word)).toBe(word));
});

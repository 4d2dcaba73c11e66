import { expect, test } from "vitest";
import { originOf } from "./origin-of.ts";

test("an origin may be put between quotes, whatever host a caller names", () => {
  expect(originOf(new Request('http://a",error="x:8081/mcp'), undefined)).toBe("http://a%22,error=%22x:8081");
  expect(originOf(new Request("http://a/mcp"), "https://mesh.example/path")).toBe("https://mesh.example");
});

import { SdkErrorCode, SdkHttpError } from "@modelcontextprotocol/client";
import { expect, test } from "vitest";
import { describeFailure, toErrorAnswer } from "./refusal.ts";

const url = new URL("http://mesh.test/mpc");

const answered = (status: number, text: string): SdkHttpError =>
  new SdkHttpError(SdkErrorCode.ClientHttpNotImplemented, "Error POSTing to endpoint", { status, text });

test.each<[string, unknown, string]>([
  [
    "another door of the mesh",
    answered(404, '{"error": {"code": "not_found", "message": "no such route"}}'),
    "the mesh at http://mesh.test/mpc answered 404: no such route (is that the address of its /mcp?)",
  ],
  [
    "a page",
    answered(502, "<html>\n <h1>Bad Gateway</h1>"),
    "the mesh at http://mesh.test/mpc answered 502: <html> <h1>Bad Gateway</h1>",
  ],
  [
    "a node that stops",
    answered(503, '{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "the node is stopping"}}'),
    "the mesh at http://mesh.test/mpc answered 503: the node is stopping",
  ],
  ["a refused key", answered(401, ""), "the mesh at http://mesh.test/mpc refused the key in DEVMESH_API_KEY"],
  [
    "nobody",
    new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED\n") }),
    "the mesh at http://mesh.test/mpc can't be reached: connect ECONNREFUSED",
  ],
])("says in one line that it met %s", (_, error, text) => {
  expect(describeFailure(error, url)).toBe(text);
});

test("passes the mesh's own error on, under the client's id", () => {
  const own = { jsonrpc: "2.0", id: null, error: { code: -32000, message: "malformed API key" } };
  const request = { jsonrpc: "2.0", id: 7, method: "tools/list" } as const;
  expect(toErrorAnswer(request, answered(401, JSON.stringify(own)), url)).toEqual({ ...own, id: 7 });
});

import { splitToolName } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toolCallName } from "./names.ts";

const server = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
const tool = fc.stringMatching(/^[A-Za-z0-9_.-]{1,94}$/);

describe("toolCallName", () => {
  it("is server and tool where that is a name to every client", () => {
    expect(toolCallName("git-hub", "create_issue")).toBe("git-hub__create_issue");
    expect(toolCallName("a", "b".repeat(61))).toBe(`a__${"b".repeat(61)}`);
  });

  it("is cut and marked where it is not", () => {
    expect(toolCallName("files", "read.file")).toBe("files__read_file_dd32cdf5");
    expect(toolCallName("a", "b".repeat(62))).toBe(`a__${"b".repeat(52)}_1ce87989`);
  });

  it("fits every client, and says which server it is of", () => {
    fc.assert(
      fc.property(server, tool, (of, name) => {
        const callName = toolCallName(of, name);
        expect(callName).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(splitToolName(callName)?.server).toBe(of);
      }),
    );
  });

  it("tells tools apart that only differ in what is replaced or cut", () => {
    const long = "x".repeat(80);
    const names = ["a.b", "a_b", "a-b", `${long}1`, `${long}2`].map((name) => toolCallName("s", name));
    expect(new Set(names).size).toBe(names.length);
  });
});

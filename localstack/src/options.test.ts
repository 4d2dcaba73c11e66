import { describe, expect, it } from "vitest";
import { parseCommand } from "./options.ts";

describe("parseCommand", () => {
  it.each([
    [[], { kind: "start", demo: true, home: ".devmesh" }],
    [["--no-demo"], { kind: "start", demo: false, home: ".devmesh" }],
    [["--home", "/data/mesh"], { kind: "start", demo: true, home: "/data/mesh" }],
    [["--help"], { kind: "help" }],
    [["-h", "--no-demo"], { kind: "help" }],
  ])("reads %j", (args, command) => {
    expect(parseCommand(args)).toEqual(command);
  });

  it.each([
    [["--verbose"], "--verbose"],
    [["--home"], "--home"],
    [["--home="], "--home"],
    [["start"], "start"],
  ])("refuses %j in one line that names it", (args, name) => {
    const command = parseCommand(args);
    expect(command).toEqual({ kind: "wrong", message: expect.stringContaining(name) });
    expect("message" in command ? command.message : "").not.toContain("\n");
  });
});

import { AppError } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { type EnvReader, envReader, required } from "./env-reader.ts";
import { Secret } from "./secret.ts";

function problemOf(env: Record<string, string>, read: (reader: EnvReader) => void): AppError {
  const reader = envReader(env);
  read(reader);
  try {
    reader.done();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("nothing was refused");
}

describe("envReader", () => {
  it("reads every kind of value", () => {
    const reader = envReader({
      NAME: "  mesh ",
      PORT: "8080",
      VERBOSE: "Yes",
      QUIET: "off",
      TAGS: "a, b,,c ",
      URL: "http://127.0.0.1:4566",
      PEPPER: "0123456789abcdef",
      DATABASE_URL: "postgres://app:hunter2@db/mesh",
      STORE: "postgres",
    });
    expect(reader.string("NAME", required)).toBe("mesh");
    expect(reader.int("PORT", 1, { min: 0, max: 65535 })).toBe(8080);
    expect(reader.boolean("VERBOSE", false)).toBe(true);
    expect(reader.boolean("QUIET", true)).toBe(false);
    expect(reader.list("TAGS", [])).toEqual(["a", "b", "c"]);
    expect(reader.url("URL", required, { protocols: ["http", "https"] })).toBe("http://127.0.0.1:4566");
    expect(reader.secret("PEPPER", required, { minLength: 16 }).reveal()).toBe("0123456789abcdef");
    expect(reader.secretUrl("DATABASE_URL", undefined)?.reveal()).toBe("postgres://app:hunter2@db/mesh");
    expect(reader.oneOf("STORE", "pglite", ["pglite", "postgres"])).toBe("postgres");
    expect(() => reader.done()).not.toThrow();
  });

  it("takes the default of what is absent or empty", () => {
    const reader = envReader({ EMPTY: "", BLANK: "  " });
    expect(reader.string("EMPTY", "x")).toBe("x");
    expect(reader.int("BLANK", 5)).toBe(5);
    expect(reader.int("ABSENT", undefined)).toBeUndefined();
    expect(reader.boolean("ABSENT", false)).toBe(false);
    expect(reader.secret("ABSENT", new Secret("s")).reveal()).toBe("s");
    expect(() => reader.done()).not.toThrow();
  });

  it("collects all problems and names variable, value and bound", () => {
    const error = problemOf({ PORT: "99999", LOW: "-1", COUNT: "3.5", FLAG: "maybe" }, (reader) => {
      reader.int("PORT", 1, { max: 65535 });
      reader.int("LOW", 1, { min: 0 });
      reader.int("COUNT", 1);
      reader.boolean("FLAG", false);
      reader.string("MISSING", required);
    });
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toBe(
      "environment: PORT 99999 exceeds the limit of 65535; LOW -1 is below the minimum of 0; " +
        'COUNT "3.5" is no whole number; FLAG "maybe" is neither true nor false; MISSING is required',
    );
    expect(error.details).toHaveLength(5);
    expect(error.details).toContainEqual({ path: "PORT", message: "99999 exceeds the limit of 65535" });
  });

  it.each(["1e3", "0x10", "9007199254740993", "Infinity", "١"])("refuses %s as a whole number", (text) => {
    expect(problemOf({ N: text }, (reader) => reader.int("N", 1)).message).toContain("is no whole number");
  });

  it.each<[string, Record<string, string>, (reader: EnvReader) => unknown]>([
    ["exceeds 3", { V: "abcd" }, (reader) => reader.string("V", "", { maxLength: 3 })],
    ["is shorter than 5", { V: "abcd" }, (reader) => reader.string("V", "", { minLength: 5 })],
    ["is none of a, b", { V: "c" }, (reader) => reader.oneOf("V", "a", ["a", "b"])],
    ["list of 3 items exceeds the limit of 2", { V: "a,b,c" }, (reader) => reader.list("V", [], { maxItems: 2 })],
    ["is no absolute URL", { V: "localhost" }, (reader) => reader.url("V", "")],
    [
      "which is none of http, https",
      { V: "ftp://x" },
      (reader) => reader.url("V", "", { protocols: ["http", "https"] }),
    ],
  ])("says that a value %s", (message, env, read) => {
    expect(problemOf(env, read).message).toContain(message);
  });

  it("never shows a secret in a problem", () => {
    const env = { A: "hunter2", B: "hunter2", C: "redis://:hunter2@x", D: "https://u:hunter2@x", E: "//u:hunter2@x" };
    const error = problemOf(env, (reader) => {
      reader.secret("A", required, { minLength: 32 });
      reader.secretUrl("B", required);
      reader.secretUrl("C", required, { protocols: ["postgres"] });
      reader.url("D", required);
      reader.url("E", required);
    });
    expect(error.details).toHaveLength(5);
    expect(JSON.stringify(error.details) + error.message).not.toContain("hunter2");
  });

  it("cuts a long value short", () => {
    const error = problemOf({ V: "x".repeat(5_000) }, (reader) => reader.int("V", 1));
    expect(error.message.length).toBeLessThan(200);
  });

  it("takes problems that lie in several values", () => {
    expect(problemOf({}, (reader) => reader.refuse("ACCEPT_MS", "exceeds LEASE_MS")).message).toContain(
      "ACCEPT_MS exceeds LEASE_MS",
    );
  });
});

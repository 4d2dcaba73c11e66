import { expect, it } from "vitest";
import { nameOfAwsError, statusOfAwsError } from "./aws-error.ts";

it("names an error as the service does, and one without an answer as Node does", () => {
  expect(nameOfAwsError(Object.assign(new Error("x"), { name: "SlowDown", code: "x" }))).toBe("SlowDown");
  expect(nameOfAwsError(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED");
  expect(nameOfAwsError(new Error("x"))).toBe("Error");
  expect(nameOfAwsError("x")).toBe("unknown error");
});

it.each([
  [{ $metadata: { httpStatusCode: 503 } }, 503],
  [{ $metadata: {} }, undefined],
  [{ $metadata: null }, undefined],
  [new Error("x"), undefined],
  [undefined, undefined],
])("reads the status of %j: %s", (caught, status) => {
  expect(statusOfAwsError(caught)).toBe(status);
});

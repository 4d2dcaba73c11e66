import { expect, test } from "vitest";
import { isUuid, parseId, type TaskId } from "./ids.ts";

const id = "019a2b3c-4d5e-7f60-8abc-def012345678";

test("an id is a UUID in lower case", () => {
  expect(isUuid(id)).toBe(true);
  for (const wrong of [
    "",
    id.toUpperCase(),
    id.slice(1),
    `${id}0`,
    id.replaceAll("-", ""),
    `${id}\n`,
    "-".repeat(36),
  ]) {
    expect(isUuid(wrong), JSON.stringify(wrong)).toBe(false);
  }
});

test("an id from outside is folded", () => {
  expect(parseId<TaskId>(id.toUpperCase(), "task")).toBe(id);
});

test("what is no id names nothing, and is shown in part", () => {
  expect(() => parseId("1'; drop", "task")).toThrow(
    expect.objectContaining({ code: "not_found", message: `no task "1'; drop": ids are UUIDs` }),
  );
  expect(() => parseId("x".repeat(1_000), "agent")).toThrow(
    expect.objectContaining({ message: `no agent "${"x".repeat(80)}": ids are UUIDs` }),
  );
});

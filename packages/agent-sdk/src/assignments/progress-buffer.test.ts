import { utf8Bytes } from "@devmesh/models";
import { expect, test } from "vitest";
import { ProgressBuffer } from "./progress-buffer.ts";

const at = "2026-01-01T00:00:00.000Z";

test("keeps the newest progress, within its range", () => {
  const buffer = new ProgressBuffer();
  buffer.update({ percent: 10, note: "a" });
  buffer.update({ percent: 120 });
  buffer.update({ percent: Number.NaN });
  expect(buffer.take()).toEqual({ percent: 100, note: "a" });
  expect(buffer.isEmpty).toBe(true);
});

test("bounds lines, their bytes and the lines of a frame", () => {
  const buffer = new ProgressBuffer();
  expect(buffer.log({ at, level: "info", line: "€".repeat(4_096) })).toBe(true);
  for (let index = 1; index < 10_000; index += 1) buffer.log({ at, level: "info", line: "x" });
  expect(buffer.log({ at, level: "info", line: "one more" })).toBe(false);
  const first = buffer.take().log ?? [];
  expect(first).toHaveLength(200);
  expect(utf8Bytes(first[0]?.line ?? "")).toBeLessThanOrEqual(4_096);
  let last = first;
  while (!buffer.isEmpty) last = buffer.take().log ?? [];
  expect(last.at(-1)?.line).toBe("the log is full at 10000 lines, the rest is dropped");
});

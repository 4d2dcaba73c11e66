import { describe, expect, test } from "vitest";
import { batchLines } from "./batch-lines.ts";
import { type Line, readLines } from "./read-lines.ts";

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

function linesOf(bytes: Uint8Array, windowBytes = 7, from = { offset: 0, lines: 0 }): AsyncGenerator<Line, void> {
  const read = async (start: number, end: number): Promise<Uint8Array> => bytes.subarray(start, end);
  return readLines({ read, size: bytes.length, ...from, maxLineBytes: 40, windowBytes });
}

const show = ({ number, end, value }: Line) => [number, end, "json" in value ? value.json : value.error.message];

describe("lines", () => {
  const text = '\ufeff{"a":1}\r\n\n  \n"ü😀"\n{bad\n[2]';

  test.each([1, 2, 3, 5, 8, 13, 1_000])("are the same in windows of %i bytes", async (windowBytes) => {
    const lines = await collect(linesOf(Buffer.from(text), windowBytes));
    expect(lines.map(show)).toEqual([
      [1, 12, { a: 1 }],
      [3, 16, "line 3 is not valid JSON"],
      [4, 25, "ü😀"],
      [5, 30, "line 5 is not valid JSON"],
      [6, 33, [2]],
    ]);
  });

  test("go on from the end of any line", async () => {
    const all = await collect(linesOf(Buffer.from(text)));
    for (const { end, number } of all) {
      const rest = await collect(linesOf(Buffer.from(text), 3, { offset: end, lines: number }));
      expect(rest.map(show)).toEqual(all.filter((line) => line.number > number).map(show));
    }
  });

  test("that are too long, or no UTF-8, are errors of their own", async () => {
    const bytes = Buffer.concat([
      Buffer.from(`"${"x".repeat(38)}"\n"${"x".repeat(39)}"\n`),
      Buffer.from([0x22, 0xff, 0x22, 0x0a]),
      Buffer.from(`${"y".repeat(1_000)}`),
    ]);
    expect((await collect(linesOf(bytes))).map(show)).toEqual([
      [1, 41, "x".repeat(38)],
      [2, 83, "line 2 of 41 bytes exceeds the limit of 40"],
      [3, 87, "line 3 is not valid UTF-8"],
      [4, 1_087, "line 4 of 1000 bytes exceeds the limit of 40"],
    ]);
  });

  test("of an object that can't be read end with its error", async () => {
    const read = () => Promise.reject(new Error("away"));
    const lines = readLines({ read, size: 5, offset: 0, lines: 0, maxLineBytes: 9, windowBytes: 2 });
    await expect(collect(lines)).rejects.toThrow("away");
  });
});

describe("batches", () => {
  const batches = async (lines: readonly unknown[]): Promise<number[][]> => {
    const bytes = Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n"));
    return (await collect(batchLines(linesOf(bytes, 4_096), 0))).map((batch) => batch.map(({ number }) => number));
  };

  test("hold two hundred lines, and never one external id twice", async () => {
    expect((await batches(Array.from({ length: 450 }, (_, n) => n))).map(({ length }) => length)).toEqual([
      200, 200, 50,
    ]);
    const ids = ["a", "b", "a", "a", "c"].map((externalId) => ({ externalId }));
    expect(await batches([...ids, null, { externalId: 1 }, { externalId: 1 }])).toEqual([[1, 2], [3], [4, 5, 6, 7, 8]]);
  });
});

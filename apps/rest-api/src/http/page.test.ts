import { describe, expect, test } from "vitest";
import { cursorParameter, cutPage, encodeCursor } from "./page.ts";

const key = { at: "2026-01-01T00:00:00.000Z", id: "019ad9b5-6c00-7000-8000-000000000001" };
const cursorOf = ({ n }: { n: number }): string => String(n);

describe("a page", () => {
  test("has a cursor only where more follows", () => {
    const items = [{ n: 1 }, { n: 2 }, { n: 3 }];
    expect(cutPage(items, { limit: 2, cursorOf })).toEqual({ items: items.slice(0, 2), nextCursor: "2" });
    expect(cutPage(items, { limit: 3, cursorOf })).toEqual({ items, nextCursor: undefined });
    expect(cutPage([], { limit: 3, cursorOf })).toEqual({ items: [], nextCursor: undefined });
  });

  test("ends before 4 MiB, and goes on behind it; a single item always goes out", () => {
    const items = [1, 2, 3].map((n) => ({ n, text: "x".repeat(1_500_000) }));
    expect(cutPage(items, { limit: 3, cursorOf })).toMatchObject({ items: [{ n: 1 }, { n: 2 }], nextCursor: "2" });
    const large = [{ n: 1, text: "x".repeat(5_000_000) }, { n: 2 }];
    expect(cutPage(large, { limit: 3, cursorOf })).toMatchObject({ items: [{ n: 1 }], nextCursor: "1" });
  });
});

describe("a cursor", () => {
  test("comes back as it was given out", () => {
    expect(cursorParameter.parse(encodeCursor(key))).toEqual(key);
    expect(cursorParameter.parse(undefined)).toBeUndefined();
  });

  test.each([
    "",
    "x",
    "e1",
    `${encodeCursor(key)}=`,
    Buffer.from(JSON.stringify([key.at])).toString("base64url"),
    Buffer.from(JSON.stringify(["2026-13-01T00:00:00.000Z", key.id])).toString("base64url"),
    Buffer.from(JSON.stringify(["2026-01-01", key.id])).toString("base64url"),
    Buffer.from(JSON.stringify(["+275760-09-13T00:00:00.000Z", key.id])).toString("base64url"),
    Buffer.from(JSON.stringify(["0000-01-01T00:00:00.000Z", key.id])).toString("base64url"),
    Buffer.from(JSON.stringify([key.at, "x"])).toString("base64url"),
  ])("refuses %j", (text) => {
    expect(cursorParameter.safeParse(text).success).toBe(false);
  });
});

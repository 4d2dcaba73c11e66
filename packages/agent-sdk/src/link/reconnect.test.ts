import { AppError } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { retryDelayMs } from "./reconnect.ts";

const most = (): number => 0.999_999;
const least = (): number => 0;
const refused = (retryAfterMs: number): { error: AppError } => ({
  error: new AppError("resource_exhausted", "full", { reason: "rate_limited", retryAfterMs }),
});

describe("retryDelayMs", () => {
  test("doubles a range of full jitter from 250 ms to 30 s", () => {
    expect([0, 1, 2, 7, 1_000].map((attempt) => Math.round(retryDelayMs({}, attempt, most)))).toEqual([
      250, 500, 1_000, 30_000, 30_000,
    ]);
    expect(retryDelayMs({}, 7, least)).toBe(0);
  });

  test("comes no sooner than it was told, and little later", () => {
    expect(retryDelayMs(refused(2_000), 3, least)).toBe(2_000);
    expect(Math.round(retryDelayMs(refused(2_000), 3, most))).toBe(2_250);
    expect(retryDelayMs({ code: 1012, goodbye: { reason: "draining", resumeAfterMs: 700 } }, 0, least)).toBe(700);
  });

  test("backs off further from a server that tells a very short time again and again", () => {
    expect(Math.round(retryDelayMs(refused(1), 6, most))).toBe(16_000);
  });

  test("believes no time beyond five minutes", () => {
    expect(retryDelayMs(refused(86_400_000), 0, least)).toBe(300_000);
  });
});

import { expect, test } from "vitest";
import { healthOf } from "./health-of.ts";

const standing = { breaker: "closed", retryAfterMs: 0, inFlight: 1, waiting: 0, isConnected: true } as const;
const check = { state: "unhealthy", latencyMs: 7, checkedAt: "2026-11-30T00:00:00.000Z" } as const;

test("tells of the last look and of this process", () => {
  const error = { code: "unavailable", message: "the program ended" } as const;
  expect(healthOf({ enabled: true, check: { ...check, error } }, standing)).toEqual({
    ...{ state: "unhealthy", checkedAt: check.checkedAt, latencyMs: 7, error },
    ...{ breaker: "closed", inFlight: 1, waiting: 0, isConnected: true },
  });
});

test("is unknown until somebody looked, and disabled where nobody calls", () => {
  expect(healthOf({ enabled: true, check: undefined }, standing)).toMatchObject({ state: "unknown" });
  expect(healthOf({ enabled: false, check }, standing)).toMatchObject({ state: "disabled" });
});

test("tells when an open breaker lets a call through", () => {
  const open = { ...standing, breaker: "open", retryAfterMs: 900 } as const;
  expect(healthOf({ enabled: true, check }, open)).toMatchObject({ breaker: "open", retryAfterMs: 900 });
  expect(healthOf({ enabled: true, check }, standing)).not.toHaveProperty("retryAfterMs");
});

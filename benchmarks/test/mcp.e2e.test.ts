import { expect, test } from "vitest";
import { benchMcp } from "../src/mcp/bench-mcp.ts";

// Moments only: that every side answers, and nothing but results. What comes of it is no figure.
test("the benchmark of MCP measures everybody", async () => {
  const { call, list } = await benchMcp({ isQuick: true });
  for (const rates of [call, list]) {
    expect(rates).toEqual({ bare: expect.any(Number), bareTools: expect.any(Number), devmesh: expect.any(Number) });
    expect(Math.min(...Object.values(rates))).toBeGreaterThan(0);
  }
});

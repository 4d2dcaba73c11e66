import { expect, test } from "vitest";
import { createAddresses } from "./addresses.ts";

test("begins where chance says, and goes round", () => {
  const addresses = createAddresses(["ws://a", "ws://b", "ws://c"], () => 0.5);
  const seen = [1, 2, 3, 4].map(() => {
    const { current } = addresses;
    addresses.turn();
    return current;
  });
  expect(seen).toEqual(["ws://b", "ws://c", "ws://a", "ws://b"]);
});

test("keeps to a single address", () => {
  const addresses = createAddresses("ws://a", () => 0.99);
  addresses.turn();
  expect(addresses.current).toBe("ws://a");
});

test("refuses an empty list", () => {
  expect(() => createAddresses([], () => 0)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
});

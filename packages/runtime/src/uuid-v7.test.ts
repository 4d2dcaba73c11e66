import { isUuid } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { createUuidV7 } from "./uuid-v7.ts";

describe("createUuidV7", () => {
  it("lays out time, version, counter, variant and randomness as in RFC 9562", () => {
    // The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22.000Z.
    const newId = createUuidV7({ now: () => 0x017f22e279b0, fillRandom: (buffer) => buffer.fill(0xff) });
    expect(newId()).toBe("017f22e2-79b0-77ff-bfff-ffffffffffff");
    expect(newId()).toBe("017f22e2-79b0-7800-bfff-ffffffffffff");
  });

  it("makes ids that rise strictly and never repeat", () => {
    const newId = createUuidV7();
    const ids = Array.from({ length: 20_000 }, newId);
    expect(ids.every(isUuid)).toBe(true);
    expect(ids.every((id) => /^.{14}7.{4}[89ab]/.test(id))).toBe(true);
    expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? ""))).toBe(true);
  });

  it("rises while the clock stands still or goes back, past the counter's end", () => {
    let time = 1_700_000_000_000;
    const newId = createUuidV7({ now: () => time });
    const ids = Array.from({ length: 6_000 }, newId);
    time -= 60_000;
    ids.push(...Array.from({ length: 6_000 }, newId));
    time += 120_000;
    ids.push(newId());
    expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? ""))).toBe(true);
  });

  it("keeps two generators apart", () => {
    const now = (): number => 1_700_000_000_000;
    const [first, second] = [createUuidV7({ now }), createUuidV7({ now })];
    const ids = new Set([...Array.from({ length: 1_000 }, first), ...Array.from({ length: 1_000 }, second)]);
    expect(ids.size).toBe(2_000);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assertStorableJson, canonicalJson, maxJsonDepth, utf8Bytes } from "./json.ts";

const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

describe("assertStorableJson", () => {
  test("lets 512 levels pass and refuses 513", () => {
    expect(() => assertStorableJson(nested(maxJsonDepth))).not.toThrow();
    expect(() => assertStorableJson(nested(maxJsonDepth + 1))).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: "JSON nests deeper than 512 levels" }),
    );
  });

  test("does not overflow on what is deeper than the stack", () => {
    expect(() => assertStorableJson(nested(200_000))).toThrow("deeper than 512");
  });

  test.each(["1e999", "[-1e999]", '{"a":{"b":[0,1e400]}}'])("refuses the number in %s, which is not finite", (text) => {
    expect(() => assertStorableJson(JSON.parse(text))).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: "a number in the JSON is not finite" }),
    );
  });

  test("lets U+0000, __proto__ and numbers to 2^53-1 pass, and looks into __proto__", () => {
    const text = '{"__proto__":{"a":"\\u0000"},"n":[9007199254740991,-9007199254740991,1e308,-0,5e-324],"z":null}';
    expect(() => assertStorableJson(JSON.parse(text))).not.toThrow();
    expect(() => assertStorableJson(JSON.parse('{"__proto__":{"a":1e999}}'))).toThrow("not finite");
    expect(() => assertStorableJson(undefined)).not.toThrow();
  });
});

describe("canonicalJson", () => {
  // RFC 8785, section 3.2.2 and 3.2.3: the sample and what the RFC makes of it
  test("renders literals, numbers and strings as the RFC's sample", () => {
    const sample = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    expect(canonicalJson(sample)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test("sorts members by UTF-16 code units, as the RFC's sample", () => {
    const sample = JSON.parse(String.raw`{
      "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
    }`);
    const values = [...canonicalJson(sample).matchAll(/:"([^"]+)"/g)].map(([, value]) => value);
    expect(values).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });

  // RFC 8785, appendix B
  test.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555555", "333333333.3333333"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("renders the double %s as %s", (hex, text) => {
    expect(canonicalJson(Buffer.from(hex, "hex").readDoubleBE())).toBe(text);
  });

  test("keeps __proto__ as a member, and tells it from none", () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":2}}'))).toBe('{"__proto__":{"a":2},"b":1}');
  });

  test("is the same for equal values, whatever the order of their members, and parses back to them", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 100 },
    );
  });
});

describe("utf8Bytes", () => {
  test("counts as TextEncoder does, lone surrogates included", () => {
    const encoder = new TextEncoder();
    const unit = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7fe, max: 0xe001 }), fc.nat(0x90));
    const text = fc.array(unit).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(text, (value) => utf8Bytes(value) === encoder.encode(value).length),
      { numRuns: 500 },
    );
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

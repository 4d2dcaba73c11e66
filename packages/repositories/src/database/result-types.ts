import { assert } from "@devmesh/models";
import pg from "pg";

type Parse = (text: string) => unknown;

/** Object ids of Postgres's built-in types, from its `pg_type.dat`; the second one is that of the array. */
const parsers: readonly (readonly [oid: number, arrayOid: number, parse: Parse])[] = [
  [16, 1000, (text) => text === "t"],
  [20, 1016, parseBigint],
  [21, 1005, Number],
  [23, 1007, Number],
  [25, 1009, String],
  [114, 199, JSON.parse],
  [700, 1021, Number],
  [701, 1022, Number],
  [1043, 1015, String],
  [1184, 1185, (text) => parseTimestamp(text)],
  [1700, 1231, String],
  [2950, 2951, String],
  [3802, 3807, JSON.parse],
];

const parsersByOid = new Map<number, Parse>(
  parsers.flatMap(([oid, arrayOid, parse]): (readonly [number, Parse])[] => [
    [oid, parse],
    [arrayOid, (text) => parseTextArray(text).map((element) => (element === null ? null : parse(element)))],
  ]),
);

/** How both drivers read results, in the form that `pg` takes. An unknown type stays text. */
export const resultTypes = {
  getTypeParser: (oid: number): Parse => parsersByOid.get(oid) ?? String,
};

const textArrayOid: number = 1009;
const parseTextArray: (text: string) => (string | null)[] = pg.types.getTypeParser(textArrayOid);
const parseTimestamp: (text: string) => Date = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ);

function parseBigint(text: string): number {
  const value = Number(text);
  assert(Number.isSafeInteger(value), `bigint ${text} exceeds the safe integers`);
  return value;
}

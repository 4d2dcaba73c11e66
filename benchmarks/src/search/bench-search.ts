import { parseArgs } from "node:util";
import { benchImports } from "./imports.ts";
import { benchLayouts } from "./layouts.ts";
import { benchQuality } from "./quality.ts";
import { benchRecall } from "./recall.ts";
import { benchWrites } from "./writes.ts";

/** Each with the rows that it has unless `--rows` gives a number. */
const parts: Readonly<Record<string, (rows: number | undefined) => Promise<void>>> = {
  quality: benchQuality,
  recall: (rows = 100_000) => benchRecall({ rows, queries: 200, shapes: ["clustered", "uniform"] }),
  layouts: (rows = 10_000) => benchLayouts(rows),
  writes: (rows = 20_000) => benchWrites(rows),
  imports: (rows = 5_000) => benchImports(rows),
};

/** Measures search: the parts that are named by `--parts`, all of them without it; `--rows N` makes them smaller. */
export async function benchSearch(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { parts: { type: "string" }, rows: { type: "string" } } });
  const names = values.parts?.split(",") ?? Object.keys(parts);
  const unknown = names.find((name) => !(name in parts));
  if (unknown !== undefined) {
    console.error(`no part ${JSON.stringify(unknown)}: there are ${Object.keys(parts).join(", ")}`);
    process.exitCode = 2;
    return;
  }
  const rows = values.rows === undefined ? undefined : Number(values.rows);
  for (const name of names) await parts[name]?.(rows);
}

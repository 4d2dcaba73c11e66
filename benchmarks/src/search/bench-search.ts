import { parseArgs } from "node:util";
import { benchQuality } from "./quality.ts";

const parts: Readonly<Record<string, () => Promise<void>>> = {
  quality: benchQuality,
};

/** Measures search: the parts that are named by `--parts`, all of them without it. */
export async function benchSearch(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { parts: { type: "string" } } });
  const names = values.parts?.split(",") ?? Object.keys(parts);
  const unknown = names.find((name) => !(name in parts));
  if (unknown !== undefined) {
    console.error(`no part ${JSON.stringify(unknown)}: there are ${Object.keys(parts).join(", ")}`);
    process.exitCode = 2;
    return;
  }
  for (const name of names) await parts[name]?.();
}

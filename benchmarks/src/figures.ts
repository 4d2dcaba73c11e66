/** The value below which a part of all values lies; 0 for none. Nearest rank. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Prints rows under a heading as a Markdown table, ready for the README. */
export function printTable(
  title: string,
  heading: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  console.log(`\n${title}\n`);
  for (const cells of [heading, heading.map(() => "---"), ...rows]) console.log(`| ${cells.join(" | ")} |`);
}

export function rounded(value: number, digits = 0): string {
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

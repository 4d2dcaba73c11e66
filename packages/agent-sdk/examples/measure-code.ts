import { maskCode } from "./mask-code.ts";

export interface CodeMetrics {
  readonly lines: number;
  readonly blankLines: number;
  /** Lines that hold a comment and nothing else. */
  readonly commentLines: number;
  readonly codeLines: number;
  /** Functions and methods with a body in braces. */
  readonly functions: number;
  readonly longestFunction?: { readonly name: string; readonly line: number; readonly lines: number };
  /** Braces open at once. */
  readonly maxNesting: number;
  /** Modules imported or re-exported, in order, each once. */
  readonly imports: readonly string[];
}

/** What begins a function with a body: the text before its brace. Control statements look like methods, and are not. */
const parameters = String.raw`\((?:[^();]|\([^()]*\))*\)`;
const functionHead = new RegExp(
  String.raw`(?:\bfunction\b\s*\*?\s*(?<named>[\w$]*)[^{}]*` +
    String.raw`|(?:(?<assigned>[#\w$]+)\s*(?::[^=;{}]*)?=\s*|(?<member>[#\w$]+)\s*:\s*)?(?:async\s*)?(?:${parameters}[^;{}()]*|[\w$]+\s*)=>\s*` +
    String.raw`|(?:^|[\s;{}])(?<method>[#\w$]+)\s*(?:<[^{};]*>)?${parameters}\s*(?::[^;{}()]*)?)$`,
);
const controlWords = new Set(["if", "for", "while", "switch", "catch", "with", "return", "await", "super", "new"]);

/** Measures a TypeScript or JavaScript text by its tokens, without a parser: heads of unusual shape may be missed. */
export function measureCode(source: string): CodeMetrics {
  const lines = source.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  const masked = maskCode(lines.join("\n"));
  const maskedLines = masked.split("\n");
  const blankLines = lines.filter((line) => line.trim() === "").length;
  const emptyLines = maskedLines.filter((line) => line.trim() === "").length;
  const { functions, longestFunction, maxNesting } = walkBraces(masked);
  return {
    lines: lines.length,
    blankLines,
    commentLines: emptyLines - blankLines,
    codeLines: lines.length - emptyLines,
    functions,
    ...(longestFunction !== undefined && { longestFunction }),
    maxNesting,
    imports: findImports(lines.join("\n"), masked),
  };
}

type Walk = Pick<CodeMetrics, "functions" | "longestFunction" | "maxNesting">;

function walkBraces(masked: string): Walk {
  const open: { readonly name: string | undefined; readonly line: number }[] = [];
  let line = 1;
  let maxNesting = 0;
  let functions = 0;
  let longestFunction: CodeMetrics["longestFunction"];
  for (const { 0: character, index } of masked.matchAll(/[\n{}]/g)) {
    if (character === "\n") {
      line += 1;
      continue;
    }
    if (character === "{") {
      open.push({ name: findFunctionName(masked.slice(Math.max(0, index - 300), index)), line });
      maxNesting = Math.max(maxNesting, open.length);
      continue;
    }
    const closed = open.pop();
    if (closed?.name === undefined) continue;
    functions += 1;
    const lines = line - closed.line + 1;
    if (lines > (longestFunction?.lines ?? 0)) longestFunction = { name: closed.name, line: closed.line, lines };
  }
  return { functions, maxNesting, ...(longestFunction !== undefined && { longestFunction }) };
}

function findFunctionName(before: string): string | undefined {
  const groups = functionHead.exec(before.trimEnd())?.groups;
  if (groups === undefined) return undefined;
  const name = groups["named"] || groups["assigned"] || groups["member"] || groups["method"] || "(anonymous)";
  return controlWords.has(name) ? undefined : name;
}

/** Quotes are masked, so statements are found in the masked text and read in the source. */
function findImports(source: string, masked: string): string[] {
  const found = masked.matchAll(/\b(?:import|from|require\s*\(|import\s*\()\s*(?=["'])/g);
  const modules = [...found].map(({ index, 0: head }) => /^(["'])(.*?)\1/.exec(source.slice(index + head.length))?.[2]);
  return [...new Set(modules.filter((name) => name !== undefined))];
}

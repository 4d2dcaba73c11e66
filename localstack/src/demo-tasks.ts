import { readFile } from "node:fs/promises";
import type { DemoTask } from "./mesh-client.ts";

const repository = new URL("../../", import.meta.url);

interface DemoFile {
  readonly type: string;
  readonly file: string;
  readonly toInput: (text: string, file: string) => unknown;
}

const toSummary = (text: string): unknown => ({ text, maxSentences: 2 });
const toKeywords = (text: string): unknown => ({ text, limit: 6 });
const toMetrics = (source: string, path: string): unknown => ({ source, path });

const demoFiles: readonly DemoFile[] = [
  { type: "text.summarize", file: "README.md", toInput: toSummary },
  { type: "text.summarize", file: "docs/architecture.md", toInput: toSummary },
  { type: "text.keywords", file: "docs/architecture.md", toInput: toKeywords },
  { type: "text.keywords", file: "docs/protocol.md", toInput: toKeywords },
  { type: "code.metrics", file: "packages/tasks/src/engine.ts", toInput: toMetrics },
  { type: "code.metrics", file: "packages/protocol/src/decode-frame.ts", toInput: toMetrics },
];

/** Tasks on files of this repository; one for each that is there. */
export async function readDemoTasks(): Promise<readonly DemoTask[]> {
  const tasks = await Promise.all(
    demoFiles.map(async ({ type, file, toInput }): Promise<readonly DemoTask[]> => {
      // A checkout without its documents has a shorter demo.
      const text = await readFile(new URL(file, repository), "utf8").catch(() => "");
      return text.trim() === "" ? [] : [{ type, title: file, input: toInput(text, file) }];
    }),
  );
  return tasks.flat();
}

import { readFileSync } from "node:fs";
import type { Judgements } from "./ranking-quality.ts";

/** A passage, as `POST …/documents` takes it. */
export interface Passage {
  readonly externalId: string;
  readonly content: string;
}

/** A question, and which passages answer it. */
export interface Question {
  /** Parameters were chosen by those of `tuning` alone. */
  readonly set: "tuning" | "test";
  /** In other words than the passage, in some of its words, or by its name. */
  readonly kind: "paraphrase" | "words" | "term";
  readonly question: string;
  readonly relevant: Judgements;
}

/** The passages of `benchmarks/corpus`. */
export function readPassages(): readonly Passage[] {
  return readLines<Passage>("jargon.ndjson");
}

/** The questions that were written for them. */
export function readQuestions(): readonly Question[] {
  return readLines<Question>("questions.ndjson");
}

function readLines<T>(name: string): readonly T[] {
  const text = readFileSync(new URL(`../../corpus/${name}`, import.meta.url), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

import { type AnsweredBy, AppError } from "@devmesh/models";
import type { MeshWord, Outcome } from "../operation.ts";
import type { SchemaChecks } from "../output-schema/output-schemas.ts";
import { toAnswerText } from "./check-question.ts";

/** What somebody answers to the pending question of a task. */
export interface GivenAnswer {
  /** Any JSON; undefined is none. */
  readonly answer: unknown;
  readonly answeredBy: AnsweredBy;
  /** The question that is meant; else the one that is pending. */
  readonly questionId?: string | undefined;
}

/** How often a question may change while the answer is held against its schema. */
const maxChecks = 3;

/**
 * Says an answer; where the question has a schema, holds it against that, and says it again.
 *
 * @throws AppError `invalid_argument` for an answer that can't be kept; `conflict` where questions change too fast.
 */
export async function answerTask(
  { answer, answeredBy, questionId }: GivenAnswer,
  {
    say,
    outputSchemas,
  }: { say: (word: MeshWord) => Promise<Outcome>; outputSchemas: Pick<SchemaChecks, "findProblems"> },
): Promise<Outcome> {
  const text = toAnswerText("answer", answer);
  const word = { kind: "answer", answer: text, answeredBy, questionId } as const;
  let outcome = await say(word);
  for (let check = 0; outcome.kind === "needs_check"; check++) {
    if (check === maxChecks) throw new AppError("conflict", "the question changed while the answer was checked");
    const { id, schema } = outcome.question;
    const problems = await outputSchemas.findProblems(schema, text);
    outcome = await say({ ...word, checked: { questionId: id, problems } });
  }
  return outcome;
}

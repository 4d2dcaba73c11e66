import { parentPort } from "node:worker_threads";
import { createSchemaValidator, type SchemaProblem } from "./validate.ts";

/** What the thread says, and what it has computed until then. */
export interface Said {
  readonly computed: NodeJS.CpuUsage;
}

/** The answer to a question. */
export interface Answered extends Said {
  readonly problems: readonly SchemaProblem[];
}

/** The kinds of tasks that are under way at once. Judgement. */
const maxCompiled = 200;
const validate = createSchemaValidator(maxCompiled);

/** The thread's side: one question, one answer. A schema that runs for ever is ended from outside, with the thread. */
parentPort?.on("message", (question: { schema: string; value: string | undefined }) => {
  const value = question.value === undefined ? undefined : { value: JSON.parse(question.value) };
  const problems = validate(question.schema, value);
  parentPort?.postMessage({ problems, computed: process.threadCpuUsage() } satisfies Answered);
});
parentPort?.postMessage({ computed: process.threadCpuUsage() } satisfies Said);

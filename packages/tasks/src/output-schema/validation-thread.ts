import { parentPort } from "node:worker_threads";
import { createSchemaValidator } from "./validate.ts";

/** The kinds of tasks that are under way at once. Judgement. */
const maxCompiled = 200;
const validate = createSchemaValidator(maxCompiled);

/** The thread's side: one question, one answer. A schema that runs for ever is ended from outside, with the thread. */
parentPort?.on("message", (question: { schema: string; value: string | undefined }) => {
  const value = question.value === undefined ? undefined : { value: JSON.parse(question.value) };
  parentPort?.postMessage({ problems: validate(question.schema, value) });
});
parentPort?.postMessage({ ready: true });

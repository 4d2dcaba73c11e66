import { parentPort } from "node:worker_threads";
import { findSchemaProblems } from "./validate.ts";

/** The thread's side: one question, one answer. A schema that runs for ever is ended from outside, with the thread. */
parentPort?.on("message", (question: { schema: string; value: string | undefined }) => {
  const value = question.value === undefined ? undefined : { value: JSON.parse(question.value) };
  parentPort?.postMessage({ problems: findSchemaProblems(JSON.parse(question.schema), value) });
});
parentPort?.postMessage({ ready: true });

/** How tasks of the load turn out: done, failed once and then done, failed for good, rejected by some, done by the deaf. */
export const workKinds = ["echo", "flaky", "doomed", "picky", "deaf"] as const;

/** One of {@link workKinds}: the task's type. */
export type WorkKind = (typeof workKinds)[number];

/** The input of a task of the load. */
export interface WorkInput {
  readonly number: number;
  readonly workMs: number;
}

/** What an agent saw: a handler that ended, an end that the mesh confirmed, an agent that stopped for good. */
export type Observation =
  | {
      readonly what: "returned" | "threw";
      readonly agent: string;
      readonly taskId: string;
      readonly assignmentId: string;
      readonly fence: number;
    }
  | {
      readonly what: "recorded";
      readonly agent: string;
      readonly taskId: string;
      readonly taskState: string | undefined;
    }
  /** The mesh refused the end of a try, because its lease had gone to another. */
  | { readonly what: "fenced_out"; readonly agent: string; readonly taskId: string }
  | { readonly what: "gave_up"; readonly error: string };

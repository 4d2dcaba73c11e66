import { AppError, type TaskId, type TaskSubmission } from "@devmesh/models";

/** A submission that passed its schema, or why it did not. */
export type Checked = { readonly submission: TaskSubmission; readonly id: TaskId } | { readonly error: AppError };

/** A submission whose `ref:` dependencies are ids. */
export type Resolved =
  | { readonly submission: TaskSubmission; readonly id: TaskId; readonly dependsOn: readonly TaskId[] }
  | { readonly error: AppError };

/**
 * Turns the `ref:<name>` dependencies of a batch into ids. A ref that two tasks bear, that no task bears or whose task is
 * refused itself, and a cycle, refuse the tasks concerned and no other.
 */
export function resolveBatch(batch: readonly Checked[]): readonly Resolved[] {
  const indexByRef = new Map<string, number>();
  const twice = new Set<string>();
  for (const [index, one] of batch.entries()) {
    if ("error" in one || one.submission.ref === undefined) continue;
    if (indexByRef.has(one.submission.ref)) twice.add(one.submission.ref);
    indexByRef.set(one.submission.ref, index);
  }
  const refused = new Map<number, AppError>();
  for (const [index, one] of batch.entries()) {
    const error = "error" in one ? one.error : findRefProblem(one.submission, indexByRef, twice);
    if (error !== undefined) refused.set(index, error);
  }
  refuseCycles(batch, indexByRef, refused);
  spreadRefusals(batch, indexByRef, refused);
  return batch.map((one, index) => {
    const error = refused.get(index);
    if (error !== undefined || "error" in one) return { error: error ?? new AppError("internal", "lost an error") };
    return { ...one, dependsOn: toIds(one.submission, batch, indexByRef) };
  });
}

function findRefProblem(
  submission: TaskSubmission,
  indexByRef: ReadonlyMap<string, number>,
  twice: ReadonlySet<string>,
): AppError | undefined {
  if (submission.ref !== undefined && twice.has(submission.ref)) {
    return invalid("ref", `ref ${JSON.stringify(submission.ref)} is used by two tasks of the batch`);
  }
  const unknown = refsOf(submission).find((ref) => !indexByRef.has(ref));
  if (unknown === undefined) return undefined;
  return invalid("dependsOn", `no task of the batch has the ref ${JSON.stringify(unknown)}`);
}

/** Refuses the tasks of each cycle, naming its path. Depth first, with a stack of its own. */
function refuseCycles(
  batch: readonly Checked[],
  indexByRef: ReadonlyMap<string, number>,
  refused: Map<number, AppError>,
): void {
  const done = new Set<number>();
  for (const start of batch.keys()) {
    const path: number[] = [];
    const open: { index: number; rest: number[] }[] = [];
    const enter = (index: number): void => {
      path.push(index);
      open.push({ index, rest: neighbours(batch[index], indexByRef) });
    };
    if (!done.has(start)) enter(start);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        done.add(top.index);
        open.pop();
        path.pop();
      } else if (path.includes(next)) {
        refuseCycle(batch, path.slice(path.indexOf(next)), refused);
      } else if (!done.has(next)) {
        enter(next);
      }
    }
  }
}

function refuseCycle(batch: readonly Checked[], cycle: readonly number[], refused: Map<number, AppError>): void {
  const names = [...cycle, cycle[0] ?? 0].map((index) => refOf(batch[index]) ?? String(index));
  for (const index of cycle) {
    if (!refused.has(index))
      refused.set(index, invalid("dependsOn", `the dependencies form a cycle: ${names.join(" → ")}`));
  }
}

/** What depends on a refused task of the batch can't be submitted either. */
function spreadRefusals(
  batch: readonly Checked[],
  indexByRef: ReadonlyMap<string, number>,
  refused: Map<number, AppError>,
): void {
  for (let before = -1; before !== refused.size; ) {
    before = refused.size;
    for (const [index, one] of batch.entries()) {
      const bad = neighbours(one, indexByRef).find((next) => refused.has(next));
      if (bad === undefined || refused.has(index)) continue;
      refused.set(
        index,
        invalid("dependsOn", `the task with the ref ${JSON.stringify(refOf(batch[bad]))} was refused`),
      );
    }
  }
}

function toIds(
  submission: TaskSubmission,
  batch: readonly Checked[],
  indexByRef: ReadonlyMap<string, number>,
): readonly TaskId[] {
  const ids = submission.dependsOn.map((dependency) => {
    const index = dependency.startsWith("ref:") ? indexByRef.get(dependency.slice(4)) : undefined;
    const one = index === undefined ? undefined : batch[index];
    return one !== undefined && "id" in one ? one.id : (dependency.toLowerCase() as TaskId);
  });
  return [...new Set(ids)];
}

function neighbours(one: Checked | undefined, indexByRef: ReadonlyMap<string, number>): number[] {
  if (one === undefined || "error" in one) return [];
  return refsOf(one.submission).flatMap((ref) => indexByRef.get(ref) ?? []);
}

function refsOf(submission: TaskSubmission): readonly string[] {
  return submission.dependsOn.filter((dependency) => dependency.startsWith("ref:")).map((ref) => ref.slice(4));
}

function refOf(one: Checked | undefined): string | undefined {
  return one === undefined || "error" in one ? undefined : one.submission.ref;
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_argument", message, { details: [{ path, message }] });
}

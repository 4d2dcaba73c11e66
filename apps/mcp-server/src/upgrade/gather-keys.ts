import type { StoredApiKey } from "@devmesh/auth";
import { gatherTurn } from "../turn.ts";

/** Keys by the hex of their hash; those that are not there are left out. */
export type FindKeys = (hashes: readonly Buffer[]) => Promise<ReadonlyMap<string, StoredApiKey>>;

interface Waiting extends PromiseWithResolvers<StoredApiKey | undefined> {
  readonly hash: Buffer;
}

/** Keys of one statement. Judgement. */
const maxKeys = 1_000;

/** Looks up together what is asked in one turn of the event loop: a node checks the keys of all its agents at once. */
export function gatherKeys(findKeys: FindKeys): (hash: Buffer) => Promise<StoredApiKey | undefined> {
  const add = gatherTurn<Waiting>((waiting) => {
    for (let start = 0; start < waiting.length; start += maxKeys) {
      void answer(waiting.slice(start, start + maxKeys), findKeys);
    }
  });
  return (hash) => {
    const one = { ...Promise.withResolvers<StoredApiKey | undefined>(), hash };
    add(one);
    return one.promise;
  };
}

async function answer(waiting: readonly Waiting[], findKeys: FindKeys): Promise<void> {
  try {
    const keys = await findKeys(waiting.map(({ hash }) => hash));
    for (const { hash, resolve } of waiting) resolve(keys.get(hash.toString("hex")));
  } catch (error) {
    for (const { reject } of waiting) reject(error);
  }
}

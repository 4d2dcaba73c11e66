import type { StoredApiKey } from "@devmesh/auth";
import { gatherTurn } from "../turn.ts";

/** Keys by the name of what they were asked for by; those that are not there are left out. */
export type FindKeys<Asked> = (asked: readonly Asked[]) => Promise<ReadonlyMap<string, StoredApiKey>>;

interface Waiting<Asked> extends PromiseWithResolvers<StoredApiKey | undefined> {
  readonly asked: Asked;
}

/** Keys of one statement. Judgement. */
const maxKeys = 1_000;

/**
 * Looks up together what is asked in one turn of the event loop: a node checks the keys of all its agents, and of all
 * its runs, at once.
 */
export function gatherKeys<Asked>(
  findKeys: FindKeys<Asked>,
  nameOf: (asked: Asked) => string,
): (asked: Asked) => Promise<StoredApiKey | undefined> {
  async function answer(waiting: readonly Waiting<Asked>[]): Promise<void> {
    try {
      const keys = await findKeys(waiting.map(({ asked }) => asked));
      for (const { asked, resolve } of waiting) resolve(keys.get(nameOf(asked)));
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  const add = gatherTurn<Waiting<Asked>>((waiting) => {
    for (let start = 0; start < waiting.length; start += maxKeys) void answer(waiting.slice(start, start + maxKeys));
  });
  return (asked) => {
    const one = { ...Promise.withResolvers<StoredApiKey | undefined>(), asked };
    add(one);
    return one.promise;
  };
}

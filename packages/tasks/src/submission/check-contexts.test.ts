import type { ContextId, ContextStanding, TenantId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { fakeTx, laneIdOf, taskIdOf, tenantId } from "../../test/fakes.ts";
import { assertReadable, contextIdsOf, findContexts } from "./check-contexts.ts";
import type { Draft } from "./new-task.ts";

const idOf = (number: number): ContextId => `00000000-0000-7000-8000-00000000000${number}` as ContextId;

function draftOf(contexts: readonly string[] | undefined, of: TenantId = tenantId): Draft {
  const submission = { type: "t", ...(contexts !== undefined && { contexts: [...contexts] }) };
  return {
    tenantId: of,
    id: taskIdOf(1),
    // only what is looked at here
    submission: submission as Draft["submission"],
    dependsOn: [],
    requirements: { capabilities: [], minLevel: 1, tags: {}, type: "t", excludedAgentIds: [] },
    laneId: laneIdOf(1),
    parentId: undefined,
    depth: 0,
    traceparent: undefined,
  };
}

const standings: Readonly<Record<string, ContextStanding>> = {
  [idOf(1)]: "ready",
  [idOf(2)]: "uploading",
  [idOf(3)]: "expired",
};
const tx = fakeTx({
  findContexts: async (refs) =>
    refs.flatMap((ref) => {
      const standing = ref.tenantId === tenantId ? standings[ref.contextId] : undefined;
      return standing === undefined ? [] : [{ ...ref, standing }];
    }),
});

async function check(draft: Draft): Promise<void> {
  assertReadable(draft, await findContexts(tx, [draft]));
}

describe("the contexts of a submission", () => {
  it("cost no statement where there are none", async () => {
    const known = await findContexts(fakeTx({}), [draftOf(undefined), draftOf([])]);
    expect(known.size).toBe(0);
    expect(() => assertReadable(draftOf(undefined), known)).not.toThrow();
  });

  it("must be ready, each of them, and are kept once", async () => {
    await check(draftOf([idOf(1), idOf(1).toUpperCase()]));
    expect(contextIdsOf(draftOf([idOf(1), idOf(1).toUpperCase()]))).toEqual([idOf(1)]);
  });

  it.each([
    [[idOf(1), idOf(2)], "contexts[1]", `context ${idOf(2)} is not uploaded yet`],
    [[idOf(3)], "contexts[0]", `context ${idOf(3)} has expired`],
    [[idOf(1), idOf(1), idOf(4)], "contexts[2]", `no context ${idOf(4)}`],
  ])("are refused by their index: %j", async (ids, path, message) => {
    await expect(check(draftOf(ids))).rejects.toMatchObject({
      code: "invalid_argument",
      message: `${path}: ${message}`,
      details: [{ path, message }],
    });
  });

  it("are not readable to a tenant because another, who submits at the same time, may read them", async () => {
    const stranger = draftOf([idOf(1)], "00000000-0000-7000-8000-0000000000ff" as TenantId);
    const known = await findContexts(tx, [draftOf([idOf(1)]), stranger]);
    expect(() => assertReadable(draftOf([idOf(1)]), known)).not.toThrow();
    expect(() => assertReadable(stranger, known)).toThrow(`contexts[0]: no context ${idOf(1)}`);
  });
});

import { type Capability, findMisfit, measureFit, type Requirements } from "@devmesh/models";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBoth, type OpenDatabase } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql, unnest } from "../database/sql.ts";

const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2_147_483_647);

const agentIds = ["018f0000-0000-7000-8000-00000000000a", "018f0000-0000-7000-8000-00000000000b"];
const names = ["a", "b", "c:d"];
const tags = fc.dictionary(fc.constantFrom("k", "constructor", "é", '"'), fc.constantFrom("", "v", "w'\\"), {
  maxKeys: 2,
});

const capability: fc.Arbitrary<Capability> = fc.record(
  {
    name: fc.constantFrom(...names),
    level: fc.integer({ min: 1, max: 4 }),
    costMicroUsd: fc.integer({ min: 0, max: 1_000_000_000_000 }),
    tags,
  },
  { requiredKeys: ["name", "level"] },
);
const agent = fc.record({
  id: fc.constantFrom(...agentIds),
  name: fc.constantFrom("one", "two"),
  capabilities: fc.uniqueArray(capability, { selector: ({ name }) => name, maxLength: 3 }),
});
const requirements: fc.Arbitrary<Requirements> = fc.record(
  {
    capabilities: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    minLevel: fc.integer({ min: 1, max: 4 }),
    tags,
    agent: fc.constantFrom("one", "three", ...agentIds),
    type: fc.constant("t"),
    excludedAgentIds: fc.subarray(agentIds),
  },
  { requiredKeys: ["capabilities", "minLevel", "tags", "type", "excludedAgentIds"] },
);
const pairs = fc.array(fc.record({ requirements, agent }), { minLength: 100, maxLength: 100 });

describeOnBoth(describeMatching);

function describeMatching(open: OpenDatabase): void {
  let database: Database;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  test(`SQL matches lanes with agents as models does (seed ${seed})`, async () => {
    const property = fc.asyncProperty(pairs, async (given) => {
      const { rows } = await database.query(sql`
        select misfit(requirements, id, name, capabilities),
          case when misfit(requirements, id, name, capabilities) is null
            then level_gap(requirements, capabilities) end as "levelGap",
          case when misfit(requirements, id, name, capabilities) is null
            then fit_cost(requirements, capabilities) end as cost
        from ${unnest(
          ["jsonb", given.map((pair) => JSON.stringify(pair.requirements))],
          ["uuid", given.map((pair) => pair.agent.id)],
          ["text", given.map((pair) => pair.agent.name)],
          ["jsonb", given.map((pair) => JSON.stringify(pair.agent.capabilities))],
        )} with ordinality as pair (requirements, id, name, capabilities, number)
        order by number`);
      expect(rows).toEqual(given.map((pair) => matchInModels(pair.requirements, pair.agent)));
    });
    await fc.assert(property, { seed, numRuns: 30 });
  });
}

function matchInModels(asked: Requirements, offering: Parameters<typeof findMisfit>[1]): unknown {
  const misfit = findMisfit(asked, offering) ?? null;
  if (misfit !== null) return { misfit, levelGap: null, cost: null };
  const { levelGap, costMicroUsd } = measureFit(asked, offering);
  return { misfit, levelGap, cost: costMicroUsd ?? null };
}

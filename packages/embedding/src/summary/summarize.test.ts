import { AppError, type ModelUsage, type TenantId } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClaudeDeps } from "../contextual/ask-claude.ts";
import type { ConverseRequest } from "../ports/model-transport.ts";
import { summarize } from "./summarize.ts";

const tenantId = "0197b0b0-0000-7000-8000-000000000001" as TenantId;
/** Any UTF-16, lone surrogates too. (fast-check's own "binary" takes a second to begin with.) */
const anyText = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength: 600, size: "max" })
  .map((codes) => String.fromCharCode(...codes));

const { signal } = new AbortController();

const leases = `# Leases

A lease says for how long an agent may hold a task before the mesh gives it to another one.
An agent renews its lease with every heartbeat that it sends while it works on the task.

- Coffee is served in the kitchen every morning at nine.

\`\`\`ts
const lease = "this line of code is no sentence, whatever it says about a lease of a task";
\`\`\`

When a lease expires, the sweep takes the task back and the mesh assigns it to another agent.
A lease says for how long an agent may hold a task, before the mesh gives it to another one.
Ok.`;

function claude(text: string): { deps: ClaudeDeps; asked: ConverseRequest[]; recorded: ModelUsage[] } {
  const asked: ConverseRequest[] = [];
  const recorded: ModelUsage[] = [];
  const deps: ClaudeDeps = {
    transports: [
      {
        region: "r",
        invoke: () => Promise.reject(new Error("is not invoked")),
        converse: (request) => {
          asked.push(request);
          return Promise.resolve({ text, inputTokens: 10, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 });
        },
      },
    ],
    ledger: {
      assertRoom: () => Promise.resolve(),
      record: (_tenant, _kind, usages) => {
        recorded.push(...usages);
        return Promise.resolve();
      },
    },
    sleep: () => Promise.resolve(),
    random: () => 0,
  };
  return { deps, asked, recorded };
}

describe("summarize without Claude", () => {
  it("gives the telling sentences in their order, each thing once", async () => {
    const summary = await summarize(undefined, { tenantId, text: leases, maxCharacters: 200, signal });
    expect(summary).toMatch(/^A lease says for how long .* When a lease expires, /);
    expect(summary).not.toMatch(/Coffee|const|#|A lease says.*A lease says/);
  });

  it("stays within its bound, is well formed and never throws", async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const summary = await summarize(undefined, { tenantId, text, maxCharacters: 100, signal });
        expect(summary.length).toBeLessThanOrEqual(100);
        expect(summary.isWellFormed()).toBe(true);
      }),
    );
  });

  it.each([
    ["", ""],
    ["  \n", ""],
    ["const a = 1;", "const a = 1;"],
  ])("sums %j up as %j", async (text, expected) => {
    expect(await summarize(undefined, { tenantId, text, maxCharacters: 100, signal })).toBe(expected);
  });
});

describe("summarize by Claude", () => {
  it("gives what is written, within the bound, and records what it took", async () => {
    const { deps, asked, recorded } = claude(`${"A sentence of it. ".repeat(20)}`);
    const summary = await summarize(deps, { tenantId, text: leases, maxCharacters: 100, signal });
    expect(summary).toBe("A sentence of it. ".repeat(5).trim());
    expect(asked[0]?.prompt).toContain(leases);
    expect(recorded).toMatchObject([{ inputTokens: 10, outputTokens: 2 }]);
  });

  it("takes the text's own sentences where nothing is written, and records what that took", async () => {
    const { deps, recorded } = claude(" ");
    expect(await summarize(deps, { tenantId, text: leases, maxCharacters: 200, signal })).toMatch(/^A lease says/);
    expect(recorded).toHaveLength(1);
  });

  it("shows the beginning of a text that is too long for one prompt", async () => {
    const { deps, asked } = claude("It is long.");
    await summarize(deps, { tenantId, text: "A word of many. ".repeat(60_000), maxCharacters: 100, signal });
    expect(asked[0]?.prompt.length).toBeLessThan(400_000);
  });

  it("fails where the budget has no room", async () => {
    const { deps } = claude("no");
    const ledger = { ...deps.ledger, assertRoom: () => Promise.reject(new AppError("resource_exhausted", "no room")) };
    await expect(
      summarize({ ...deps, ledger }, { tenantId, text: leases, maxCharacters: 100, signal }),
    ).rejects.toMatchObject({ code: "resource_exhausted" });
  });
});

import type { ApiKeyId, KnowledgeId, NewDocument, TenantId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import type { UnsyncedEntry } from "../ports/knowledge-store.ts";
import { syncEntry, syncStale } from "./sync-entry.ts";

const tenantId = "019a0000-0000-7000-8000-000000000001" as TenantId;
const id = "019a0000-0000-7000-8000-000000000002" as KnowledgeId;

function entryOf(version: number, isDeleted = false): UnsyncedEntry {
  const ownerId = "019a0000-0000-7000-8000-000000000003" as ApiKeyId;
  const text = { title: "Deploys", content: "Never on Fridays.", category: undefined, tags: ["deploy"] };
  return { tenantId, id, ...text, access: "team", team: "red", ownerId, version, isDeleted };
}

/** An entry, its document, and what is confirmed; `during` happens while the document is written. */
function meshOf(entry: UnsyncedEntry, during: (turn: number) => void = () => undefined) {
  const state = { entry: entry as UnsyncedEntry | undefined, synced: 0, claimed: false, writes: [] as NewDocument[] };
  const claim = async () => {
    const { entry: present, claimed, synced } = state;
    if (present === undefined || claimed || (present.version === synced && !present.isDeleted)) return undefined;
    state.claimed = true;
    return present;
  };
  const deps = {
    sync: {
      claim,
      claimStale: async () => [await claim()].filter((one) => one !== undefined),
      done: async (done: Pick<UnsyncedEntry, "version" | "isDeleted">) => {
        state.claimed = false;
        if (done.isDeleted) state.entry = undefined;
        else state.synced = done.version;
      },
    },
    documents: {
      write: async (_tenantId: TenantId, document: NewDocument) => {
        state.writes.push(document);
        during(state.writes.length);
      },
      remove: async () => undefined,
    },
  };
  return { state, deps };
}

describe("an entry's document", () => {
  it("has its title, its content and all that it is filtered by", async () => {
    const { state, deps } = meshOf(entryOf(1));
    await syncEntry(deps, tenantId, id);
    expect(state.writes).toEqual([
      {
        externalId: id,
        content: "# Deploys\n\nNever on Fridays.",
        mediaType: "text/markdown",
        metadata: { access: "team", team: "red", owner: entryOf(1).ownerId, tags: ["deploy"] },
      },
    ]);
    expect(state.synced).toBe(1);
  });

  it("is written again where the entry was changed meanwhile", async () => {
    const { state, deps } = meshOf(entryOf(1), (turn) => {
      if (turn === 1) state.entry = entryOf(2);
    });
    await syncEntry(deps, tenantId, id);
    expect([state.writes.length, state.synced]).toEqual([2, 2]);
  });

  it("is left to whoever is at it", async () => {
    const { state, deps } = meshOf(entryOf(1));
    state.claimed = true;
    await syncEntry(deps, tenantId, id);
    expect(state.writes).toEqual([]);
  });

  it("that can't be written holds up no other", async () => {
    const ids = ["a", "b", "c"] as KnowledgeId[];
    const written: string[] = [];
    const done: string[] = [];
    const deps = {
      sync: {
        claim: async () => undefined,
        claimStale: async () => ids.map((one) => ({ ...entryOf(1), id: one })),
        done: async (entry: Pick<UnsyncedEntry, "version">) => void done.push(String(entry.version)),
      },
      documents: {
        write: async (_tenantId: TenantId, { externalId }: NewDocument) => {
          if (externalId === "a") throw new Error("refused");
          written.push(externalId);
        },
        remove: async () => undefined,
      },
    };
    await expect(syncStale(deps, 10)).rejects.toThrow("refused");
    expect([written, done]).toEqual([
      ["b", "c"],
      ["1", "1"],
    ]);
  });

  it("goes before its entry does", async () => {
    const { state, deps } = meshOf(entryOf(1, true));
    expect(await syncStale(deps, 10)).toBe(1);
    expect(state.entry).toBeUndefined();
  });
});

import type {
  ApiKeyId,
  KnowledgeEntry,
  KnowledgeId,
  KnowledgeReader,
  KnowledgeUpdate,
  TenantId,
} from "@devmesh/models";
import { describe, expect, it } from "vitest";
import type { KnowledgeAsker, KnowledgeWrite } from "../ports/knowledge-store.ts";
import { createEntry, deleteEntry, restoreEntry, updateEntry } from "./write-entry.ts";

const id = "019a0000-0000-7000-8000-000000000001" as KnowledgeId;
const ownerId = "019a0000-0000-7000-8000-000000000002" as ApiKeyId;
const present: KnowledgeEntry = {
  id,
  title: "Deploys",
  content: "Never on Fridays.",
  category: "process",
  tags: ["deploy"],
  access: "tenant",
  ownerId,
  version: 3,
  uses: 0,
  createdAt: "2026-11-01T00:00:00.000Z",
  updatedAt: "2026-11-01T00:00:00.000Z",
};

function asker(reader: Partial<KnowledgeReader> = {}): KnowledgeAsker {
  const tenantId = "019a0000-0000-7000-8000-000000000003" as TenantId;
  return { tenantId, reader: { id: ownerId, team: undefined, isAdmin: false, ...reader } };
}

const stranger = { id: "019a0000-0000-7000-8000-000000000004" as ApiKeyId };

function storeOf(entry: KnowledgeEntry | undefined, isLost = false) {
  const written: KnowledgeWrite[] = [];
  const deleted: KnowledgeId[] = [];
  return {
    written,
    deleted,
    find: async () => entry,
    version: async () => (entry === undefined ? undefined : { ...entry, title: "Releases", editorId: ownerId, at: "" }),
    create: async (_asker: KnowledgeAsker, _id: KnowledgeId, write: KnowledgeWrite) => {
      written.push(write);
      return { made: present, isReplay: false };
    },
    update: async (_asker: KnowledgeAsker, _at: unknown, write: KnowledgeWrite) => {
      if (isLost) return undefined;
      written.push(write);
      return present;
    },
    delete: async () => deleted.push(id) > 0,
  };
}

const change = (store: ReturnType<typeof storeOf>, by: KnowledgeAsker, update: Partial<KnowledgeUpdate>) =>
  updateEntry(store, by, { id, update: { version: 3, ...update } });

describe("a new entry", () => {
  const make = (store: ReturnType<typeof storeOf>, by: KnowledgeAsker, entry: { access: "team"; team?: string }) =>
    createEntry(store, by, { id, key: undefined, entry: { title: "a", content: "b", tags: [], ...entry } });

  it("for a team is of the key's own, where none is named", async () => {
    const store = storeOf(undefined);
    await make(store, asker({ team: "red" }), { access: "team" });
    expect(store.written).toMatchObject([{ access: "team", team: "red" }]);
  });

  it("is for another team by an admin alone", async () => {
    const store = storeOf(undefined);
    const refused = { code: "permission_denied", reason: "other_team" };
    await expect(
      (async () => make(store, asker({ team: "red" }), { access: "team", team: "blue" }))(),
    ).rejects.toMatchObject(refused);
    await make(store, asker({ isAdmin: true }), { access: "team", team: "blue" });
    expect(store.written).toMatchObject([{ team: "blue" }]);
  });

  it("that names a team without the access is refused, and so is such a change", async () => {
    const refused = { code: "invalid_argument", details: [{ path: "team" }] };
    const entry = { title: "a", content: "b", tags: [], access: "tenant" as const, team: "red" };
    const store = storeOf(present);
    const by = asker({ team: "red" });
    await expect((async () => createEntry(store, by, { id, key: undefined, entry }))()).rejects.toMatchObject(refused);
    await expect(change(store, by, { team: "red" })).rejects.toMatchObject(refused);
    expect(store.written).toEqual([]);
  });

  it("for no team at all is refused by name", async () => {
    await expect((async () => make(storeOf(undefined), asker(), { access: "team" }))()).rejects.toMatchObject({
      code: "invalid_argument",
      details: [{ path: "team" }],
    });
  });
});

describe("a change", () => {
  it("keeps what it does not name, and takes the category away where it is null", async () => {
    const store = storeOf(present);
    await change(store, asker(stranger), { title: "Releases" });
    await change(store, asker(stranger), { category: null });
    const { title, content, category, tags, access } = present;
    expect(store.written).toEqual([
      { title: "Releases", content, category, tags, access, team: undefined },
      { title, content, category: undefined, tags, access, team: undefined },
    ]);
  });

  it("of who sees it is the owner's, and an admin's", async () => {
    const store = storeOf(present);
    const refused = { code: "permission_denied", reason: "not_owner" };
    await expect(change(store, asker({ ...stranger, team: "red" }), { access: "team" })).rejects.toMatchObject(refused);
    await change(store, asker({ team: "red" }), { access: "team" });
    await change(store, asker({ ...stranger, isAdmin: true }), { access: "private" });
    expect(store.written).toMatchObject([{ access: "team", team: "red" }, { access: "private" }]);
  });

  it("by a key of another team, which sees it as its owner, keeps the entry's team", async () => {
    const store = storeOf({ ...present, access: "team", team: "red" });
    await change(store, asker({ team: "blue" }), { title: "Releases" });
    expect(store.written).toMatchObject([{ title: "Releases", access: "team", team: "red" }]);
  });

  it.each([
    ["that was read before a later one", storeOf(present), 2],
    ["that lost the race", storeOf(present, true), 3],
  ])("of a version %s is a conflict", async (_case, store, version) => {
    const stale = { code: "conflict", reason: "stale_version" };
    await expect(change(store, asker(), { version, title: "a" })).rejects.toMatchObject(stale);
    expect(store.written).toEqual([]);
  });

  it("of what is not seen finds nothing", async () => {
    await expect(change(storeOf(undefined), asker(), { title: "a" })).rejects.toMatchObject({ code: "not_found" });
    const restored = restoreEntry(storeOf(undefined), asker(), { id, version: 3, restore: 9 });
    await expect(restored).rejects.toMatchObject({ code: "not_found", message: `no version 9 of entry ${id}` });
  });
});

it("restores what an earlier version said, and not who saw it", async () => {
  const store = storeOf({ ...present, access: "private" });
  await restoreEntry(store, asker(), { id, version: 3, restore: 1 });
  expect(store.written).toMatchObject([{ title: "Releases", access: "private" }]);
});

it("is deleted by its owner and by admins", async () => {
  const store = storeOf(present);
  await expect(deleteEntry(store, asker(stranger), id)).rejects.toMatchObject({ code: "permission_denied" });
  await deleteEntry(store, asker(), id);
  await deleteEntry(store, asker({ ...stranger, isAdmin: true }), id);
  expect(store.deleted).toEqual([id, id]);
});

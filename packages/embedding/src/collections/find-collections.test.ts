import type { Collection, CollectionId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { findCollections } from "./find-collections.ts";

const tenantId = "019ad9b5-6c00-7000-8000-0000000000aa" as TenantId;
const id = "019ad9b5-6c00-7000-8000-0000000000bb" as CollectionId;
const docs = { id, name: "docs" } as Collection;
const notes = { id: "019ad9b5-6c00-7000-8000-0000000000cc" as CollectionId, name: "Notes" } as Collection;
const collections = {
  findAll: async (_tenant: TenantId, refs: readonly string[]) =>
    [notes, docs].filter((one) => refs.includes(one.id) || refs.includes(one.name)),
};

test("finds by id and by name, each once, in the order named", async () => {
  const found = await findCollections({ collections }, tenantId, [id.toUpperCase(), "Notes", "docs", id]);
  expect(found).toEqual([docs, notes]);
});

test("names all that are missing, with their places", async () => {
  await expect(findCollections({ collections }, tenantId, ["a", "docs", "notes"])).rejects.toMatchObject({
    code: "not_found",
    message: 'no collection "a", "notes"',
    details: [{ path: "collections[0]" }, { path: "collections[2]" }],
  });
});

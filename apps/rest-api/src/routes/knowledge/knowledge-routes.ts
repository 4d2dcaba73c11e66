import type { Route } from "../../http/route.ts";
import type { RouteDeps } from "../route-deps.ts";
import { createEntry, deleteEntry, restoreEntry, updateEntry } from "./change-entries.ts";
import { linkEntry, listEntryLinks, unlinkEntry } from "./entry-links.ts";
import { getEntryVersion, listEntryVersions } from "./entry-versions.ts";
import { getEntry, listEntries } from "./read-entries.ts";
import { searchEntries } from "./search-entries.ts";
import { useEntry } from "./use-entry.ts";

/** Every route of knowledge, in the order of the document. */
export function knowledgeRoutes(deps: RouteDeps): readonly Route[] {
  return [
    listEntries(deps),
    createEntry(deps),
    searchEntries(deps),
    getEntry(deps),
    updateEntry(deps),
    deleteEntry(deps),
    listEntryVersions(deps),
    getEntryVersion(deps),
    restoreEntry(deps),
    listEntryLinks(deps),
    linkEntry(deps),
    unlinkEntry(deps),
    useEntry(deps),
  ];
}

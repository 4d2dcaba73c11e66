import {
  AppError,
  type KnowledgeEntry,
  type KnowledgeId,
  type KnowledgeReader,
  type KnowledgeUpdate,
  type NewKnowledge,
} from "@devmesh/models";
import type { RequestKey } from "../ports/collection-store.ts";
import type { KnowledgeAsker, KnowledgeStore, KnowledgeWrite } from "../ports/knowledge-store.ts";

/** What an entry is made of. */
export interface EntryAsked {
  readonly id: KnowledgeId;
  readonly entry: NewKnowledge;
  readonly key: RequestKey | undefined;
}

/**
 * Makes an entry, or answers the one that the same key made.
 *
 * @throws AppError `invalid_argument` for access `team` where neither entry nor key names one, and for a team of an entry that
 * is shown to others than a team; `permission_denied`, reason `other_team`; `conflict` as {@link KnowledgeStore.create}.
 */
export function createEntry(
  store: Pick<KnowledgeStore, "create">,
  asker: KnowledgeAsker,
  { id, entry, key }: EntryAsked,
): Promise<{ readonly made: KnowledgeEntry; readonly isReplay: boolean }> {
  const { title, content, category, tags, access } = entry;
  assertTeamIsMeant(access, entry.team);
  const team = teamOf(access, entry.team ?? asker.reader.team, asker.reader);
  return store.create(asker, id, { title, content, category, tags, access, team }, key);
}

/**
 * Writes the next version of an entry. Whoever sees an entry may change what it says; who sees it, only its owner and
 * admins.
 *
 * @throws AppError `not_found`; `conflict`, reason `stale_version`; `permission_denied`; as {@link createEntry}.
 */
export async function updateEntry(
  store: Pick<KnowledgeStore, "find" | "update">,
  asker: KnowledgeAsker,
  { id, update }: { readonly id: KnowledgeId; readonly update: KnowledgeUpdate },
): Promise<KnowledgeEntry> {
  const before = await store.find(asker, id);
  if (before === undefined) throw noEntry(id);
  if (before.version !== update.version) throw staleVersion(id, update.version, before.version);
  const after = merge(before, update, asker.reader);
  if (after.access !== before.access || after.team !== before.team)
    assertOwner(before, asker.reader, "show it to others");
  const written = await store.update(asker, { id, version: before.version }, after);
  if (written === undefined) throw staleVersion(id, update.version, undefined);
  return written;
}

/**
 * Writes the next version with what an earlier one said. Who sees the entry stays as it is.
 *
 * @throws AppError `not_found`; `conflict`, reason `stale_version`.
 */
export async function restoreEntry(
  store: Pick<KnowledgeStore, "find" | "update" | "version">,
  asker: KnowledgeAsker,
  { id, version, restore }: { readonly id: KnowledgeId; readonly version: number; readonly restore: number },
): Promise<KnowledgeEntry> {
  const earlier = await store.version(asker, id, restore);
  if (earlier === undefined) throw noEntry(id, restore);
  const { title, content, category, tags } = earlier;
  return updateEntry(store, asker, {
    id,
    update: { version, title, content, category: category ?? null, tags: [...tags] },
  });
}

/** @throws AppError `not_found`; `permission_denied` where the asker sees the entry and does not own it. */
export async function deleteEntry(
  store: Pick<KnowledgeStore, "find" | "delete">,
  asker: KnowledgeAsker,
  id: KnowledgeId,
): Promise<KnowledgeEntry> {
  const entry = await store.find(asker, id);
  if (entry === undefined) throw noEntry(id);
  assertOwner(entry, asker.reader, "delete it");
  if (!(await store.delete(asker, id))) throw noEntry(id);
  return entry;
}

/** For an entry, or a version of one, that the asker does not see. */
export function noEntry(id: KnowledgeId, version?: number): AppError {
  return new AppError("not_found", version === undefined ? `no entry ${id}` : `no version ${version} of entry ${id}`);
}

function merge(before: KnowledgeEntry, update: KnowledgeUpdate, reader: KnowledgeReader): KnowledgeWrite {
  const access = update.access ?? before.access;
  assertTeamIsMeant(access, update.team);
  const isSameTeam = update.team === undefined && access === before.access;
  const named = update.team ?? before.team ?? reader.team;
  return {
    title: update.title ?? before.title,
    content: update.content ?? before.content,
    category: update.category === undefined ? before.category : (update.category ?? undefined),
    tags: update.tags ?? before.tags,
    access,
    team: isSameTeam ? before.team : teamOf(access, named, reader),
  };
}

/** Whoever names a team, and not the access, means to show the entry to it alone: it must not be shown to all. */
function assertTeamIsMeant(access: KnowledgeEntry["access"], team: string | undefined): void {
  if (team === undefined || access === "team") return;
  const message = `is for the access team, and the entry's is ${access}`;
  throw new AppError("invalid_argument", `team: ${message}`, { details: [{ path: "team", message }] });
}

function teamOf(
  access: KnowledgeEntry["access"],
  named: string | undefined,
  { team, isAdmin }: KnowledgeReader,
): string | undefined {
  if (access !== "team") return undefined;
  if (named === undefined) {
    const message = "must be named, because the API key is of none";
    throw new AppError("invalid_argument", `team: ${message}`, { details: [{ path: "team", message }] });
  }
  if (named === team || isAdmin) return named;
  const mine = team === undefined ? "no team" : `the team ${team}`;
  throw new AppError("permission_denied", `the API key is of ${mine}, not of ${named}`, { reason: "other_team" });
}

function assertOwner({ ownerId, id }: KnowledgeEntry, reader: KnowledgeReader, what: string): void {
  if (reader.isAdmin || ownerId === reader.id) return;
  const message = `only the owner of entry ${id}, and admins, may ${what}`;
  throw new AppError("permission_denied", message, { reason: "not_owner" });
}

function staleVersion(id: KnowledgeId, given: number, present: number | undefined): AppError {
  const now = present === undefined ? "a later one now" : `version ${present} now`;
  return new AppError("conflict", `entry ${id} is not of version ${given}: it has ${now}`, { reason: "stale_version" });
}

import { z } from "zod";
import type { AgentId, ApiKeyId, KnowledgeId, TaskId } from "../ids.ts";
import { nameSchema, textSchema } from "../text.ts";
import { contentSchema } from "./document.ts";
import { maxHits, type SearchHit, searchModes } from "./search.ts";

/** Who reads an entry: everybody of the tenant, those whose keys name the entry's team, or its owner alone. */
export const knowledgeAccesses = ["tenant", "team", "private"] as const;
/** One of {@link knowledgeAccesses}. */
export type KnowledgeAccess = (typeof knowledgeAccesses)[number];

/** What an entry is linked to. */
export const knowledgeTargets = ["task", "agent"] as const;
/** One of {@link knowledgeTargets}. */
export type KnowledgeTarget = (typeof knowledgeTargets)[number];

/** How it is linked: it came from there, tells of it, or was of use to it. */
export const knowledgeRelations = ["source", "about", "used_by"] as const;
/** One of {@link knowledgeRelations}. */
export type KnowledgeRelation = (typeof knowledgeRelations)[number];

/** What people and agents say of a link: that an entry was of use is counted, and written by that alone. */
export const knowledgeRelationSchema = z.enum(knowledgeRelations).exclude(["used_by"]).default("about");

/** The longest content of an entry, in bytes of UTF-8. */
export const maxKnowledgeBytes = 262_144;
/** The most links of one entry. */
export const maxKnowledgeLinks = 100;

/** A team's name: what a key is given, and an entry names. */
export const teamSchema = nameSchema;

const titleSchema = textSchema(300);
const categorySchema = textSchema(64);
const tagsSchema = z
  .array(textSchema(64))
  .max(20)
  .refine((tags) => new Set(tags).size === tags.length, "names a tag twice");
const knowledgeContentSchema = contentSchema(maxKnowledgeBytes);
const accessSchema = z.enum(knowledgeAccesses);
/** Versions are 32-bit numbers. */
const versionSchema = z.int().min(1).max(2_147_483_647);

/** The body of `POST /knowledge`. A misspelt `access` could show what is private: nothing is ignored. */
export const newKnowledgeSchema = z.strictObject({
  title: titleSchema,
  content: knowledgeContentSchema,
  category: categorySchema.optional(),
  tags: tagsSchema.default([]),
  access: accessSchema.default("tenant"),
  /** Where absent, and the access is `team`, that of the key. */
  team: teamSchema.optional(),
});
/** An entry as it is asked for. */
export type NewKnowledge = z.output<typeof newKnowledgeSchema>;

/** The body of `PATCH /knowledge/{id}`: what is absent stays. */
export const knowledgeUpdateSchema = z.strictObject({
  /** The version that was read: where there is a later one, nothing is written. */
  version: versionSchema,
  title: titleSchema.optional(),
  content: knowledgeContentSchema.optional(),
  category: categorySchema.nullable().optional(),
  tags: tagsSchema.optional(),
  access: accessSchema.optional(),
  team: teamSchema.optional(),
});
/** What is to be another; `category: null` takes it away. */
export type KnowledgeUpdate = z.output<typeof knowledgeUpdateSchema>;

/** The body of `POST /knowledge/{id}/restore`. */
export const knowledgeRestoreSchema = z.strictObject({ version: versionSchema, restore: versionSchema });

/** The body of `POST /knowledge/{id}/links`, and, without `relation`, of what removes one. */
export const knowledgeLinkSchema = z.strictObject({
  target: z.enum(knowledgeTargets),
  id: textSchema(128),
  relation: knowledgeRelationSchema,
});

/** The body of `POST /knowledge/{id}/use`. */
export const knowledgeUseSchema = z.strictObject({ taskId: textSchema(128).optional() });

/** The body of `POST /knowledge/search`. */
export const knowledgeSearchSchema = z.strictObject({
  query: contentSchema(8_192),
  mode: z.enum(searchModes).default("hybrid"),
  limit: z.int().min(1).max(maxHits).default(10),
  category: categorySchema.optional(),
  /** All of them. */
  tags: tagsSchema.optional(),
  access: accessSchema.optional(),
  minScore: z.number().min(0).max(1).optional(),
});
/** A search among entries. */
export type KnowledgeSearch = z.output<typeof knowledgeSearchSchema>;

/** Who reads or writes entries. */
export interface KnowledgeReader {
  /** The key's. */
  readonly id: ApiKeyId;
  readonly team: string | undefined;
  /** Sees and changes all of the tenant. */
  readonly isAdmin: boolean;
}

/** What a version of an entry holds. */
export interface KnowledgeText {
  readonly title: string;
  readonly content: string;
  readonly category?: string;
  readonly tags: readonly string[];
}

/** An entry as the API shows it. */
export interface KnowledgeEntry extends KnowledgeText {
  readonly id: KnowledgeId;
  readonly access: KnowledgeAccess;
  readonly team?: string;
  /** The key that made it. */
  readonly ownerId: ApiKeyId;
  readonly version: number;
  /** How often somebody said that it helped. */
  readonly uses: number;
  readonly lastUsedAt?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** An entry as it was. */
export interface KnowledgeVersion extends KnowledgeText {
  readonly version: number;
  readonly access: KnowledgeAccess;
  readonly team?: string;
  readonly editorId: ApiKeyId;
  readonly at: string;
}

/** A task or an agent that an entry is linked to. */
export interface KnowledgeLink {
  readonly target: KnowledgeTarget;
  readonly id: TaskId | AgentId;
  readonly relation: KnowledgeRelation;
  readonly at: string;
}

/** An entry that was found, with the chunk of it that fits best. */
export interface KnowledgeHit {
  /** Without its content. */
  readonly entry: Omit<KnowledgeEntry, "content">;
  readonly score: number;
  readonly ranks: SearchHit["ranks"];
  readonly content: string;
  readonly position: SearchHit["position"];
}

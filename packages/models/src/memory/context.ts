import { z } from "zod";
import type { ContextId, TenantId } from "../ids.ts";
import { utf8Bytes } from "../json.ts";
import { textSchema } from "../text.ts";
import { contentSchema, type Metadata, metadataSchema } from "./document.ts";

/** The largest object: what one request may bring to S3. */
export const maxContextBytes = 5_368_709_120;
/** The most that a context may hold of `content` in the request itself. */
export const maxInlineContextBytes = 1_048_576;
/** The most contexts of a tenant that are not expired, and their bytes together. */
export const maxContexts = 10_000;
export const maxContextsBytes = 1_099_511_627_776;
/** How long a request to upload may be begun after it was given out. */
export const uploadUrlSeconds = 3_600;
/** The most contexts that a task refers to. */
export const maxTaskContexts = 20;

/** RFC 6838 without parameters but a charset: type and subtype of 127 characters at most. */
const mediaTypeSchema = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(; ?charset=[A-Za-z0-9_-]+)?$/,
    "must be a media type, such as text/markdown",
  )
  .transform((type) => type.toLowerCase());

const sha256Schema = z
  .string()
  .regex(/^[0-9A-Fa-f]{64}$/, "must be 64 hexadecimal digits")
  .transform((digits) => digits.toLowerCase());

/** The largest metadata of a context, in bytes of JSON: it goes into that of its documents. */
const maxContextMetadataBytes = 8_192;

/** The body of `POST /contexts`: `size` and `sha256` of what will be uploaded, or the `content` itself. */
export const newContextSchema = z
  .strictObject({
    name: textSchema(255),
    mediaType: mediaTypeSchema,
    size: z.int().min(1).max(maxContextBytes).optional(),
    sha256: sha256Schema.optional(),
    content: contentSchema(maxInlineContextBytes).optional(),
    expiresInSeconds: z.int().min(60).max(31_536_000).default(2_592_000),
    metadata: metadataSchema
      .refine(
        (value) => utf8Bytes(JSON.stringify(value)) <= maxContextMetadataBytes,
        `must be at most ${maxContextMetadataBytes} bytes as JSON`,
      )
      .default({}),
    summarize: z.boolean().optional(),
    embed: z.boolean().optional(),
  })
  .superRefine((context, ctx) => {
    const refuse = (path: string, message: string): void => ctx.addIssue({ code: "custom", path: [path], message });
    for (const field of ["size", "sha256"] as const) {
      if (context.content === undefined && context[field] === undefined) refuse(field, "is required without content");
      if (context.content !== undefined && context[field] !== undefined)
        refuse(field, "must not be given with content");
    }
    for (const field of ["content", "summarize", "embed"] as const) {
      const isAsked = context[field] !== undefined && context[field] !== false;
      if (isAsked && !isTextType(context.mediaType)) refuse(field, `is for text, ${context.mediaType} is none`);
    }
  });
/** A context as it is asked for. */
export type NewContext = z.output<typeof newContextSchema>;

/** Types outside `text/` that hold text. */
const textTypes: ReadonlySet<string> = new Set([
  "application/json",
  "application/jsonl",
  "application/ndjson",
  "application/x-ndjson",
  "application/xml",
  "application/yaml",
  "application/x-yaml",
  "application/toml",
  "application/javascript",
  "application/typescript",
  "application/sql",
  "application/x-sh",
]);

/** True for media types whose content is read as UTF-8: those can be summarised and embedded. */
export function isTextType(mediaType: string): boolean {
  const [type = ""] = mediaType.toLowerCase().split(";");
  return type.startsWith("text/") || type.endsWith("+json") || type.endsWith("+xml") || textTypes.has(type.trim());
}

/** `uploading`: nobody said yet that the object is there. `expired`: the object is gone, or about to be. */
export const contextStates = ["uploading", "ready", "expired"] as const;
/** One of {@link contextStates}. */
export type ContextState = (typeof contextStates)[number];

/** How far what is made in the background has come; `none` where it was not asked for, or the type is no text. */
export const digestStates = ["none", "pending", "done", "failed"] as const;
/** One of {@link digestStates}. */
export type DigestState = (typeof digestStates)[number];

/** A context as the API shows it. */
export interface StoredContext {
  readonly id: ContextId;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly sha256: string;
  readonly state: ContextState;
  readonly metadata: Metadata;
  readonly summary: { readonly state: DigestState; readonly text?: string };
  /** `done`: it is found by `POST /contexts/search`; by its words alone where documents wait for vectors, or have none. */
  readonly embedding: {
    readonly state: DigestState;
    readonly documents?: number;
    readonly waiting?: number;
    readonly failed?: number;
  };
  /** How many of its bytes were read for summary and embedding. */
  readonly bytesRead?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly createdAt: string;
  readonly readyAt?: string;
  readonly expiresAt: string;
}

/** A context as it is first written. */
export interface ContextWrite {
  readonly id: ContextId;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly sha256: string;
  readonly metadata: Metadata;
  readonly expiresInSeconds: number;
  readonly summarize: boolean;
  readonly embed: boolean;
}

/** What a task's reference is checked against. */
export type ContextStanding = "ready" | "uploading" | "expired";

/** Where its object lies. */
export function contextKey({ tenantId, id }: { readonly tenantId: TenantId; readonly id: ContextId }): string {
  return `contexts/${tenantId}/${id}`;
}

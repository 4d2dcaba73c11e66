import { AppError, assertStorableJson, type ToolResult, utf8Bytes } from "@devmesh/models";

/** Whose result, and how much it may be. */
export interface MeasureOptions {
  readonly tool: string;
  readonly maxBytes: number;
}

/**
 * The bytes of a result as JSON.
 *
 * @throws AppError `resource_exhausted`, reason `output_too_large`; `unavailable`, reason `bad_answer`, for JSON that nobody
 * could keep. The connection is as good as before.
 */
export function measureResult(result: ToolResult, { tool, maxBytes }: MeasureOptions): number {
  const { content, structuredContent } = result;
  try {
    assertStorableJson({ content, structuredContent });
  } catch (cause) {
    throw new AppError("unavailable", `the result of ${tool} can't be used`, { reason: "bad_answer", cause });
  }
  const bytes = utf8Bytes(JSON.stringify({ content, structuredContent }));
  if (bytes <= maxBytes) return bytes;
  throw new AppError("resource_exhausted", `the result of ${tool} is ${bytes} bytes, of at most ${maxBytes}`, {
    reason: "output_too_large",
    details: { bytes, maxBytes },
  });
}

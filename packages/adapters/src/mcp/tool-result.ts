import type { ToolContent, ToolResult } from "@devmesh/models";
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/client";

/**
 * What a server gave, in our own form: the five kinds with the fields that the protocol names. Annotations and `_meta` stay
 * behind, as hosts may obey them.
 */
export function toToolResult({ content, structuredContent, isError }: CallToolResult): ToolResult {
  return {
    content: content.map(toContent),
    ...(structuredContent !== undefined && { structuredContent }),
    isError: isError === true,
  };
}

function toContent(block: ContentBlock): ToolContent {
  switch (block.type) {
    case "text":
      return { type: "text", text: block.text };
    case "image":
    case "audio":
      return { type: block.type, data: block.data, mimeType: block.mimeType };
    case "resource": {
      const { uri, mimeType } = block.resource;
      const body = "text" in block.resource ? { text: block.resource.text } : { blob: block.resource.blob };
      return { type: "resource", resource: { uri, ...(mimeType !== undefined && { mimeType }), ...body } };
    }
    case "resource_link": {
      const { uri, name, title, description, mimeType, size } = block;
      return {
        type: "resource_link",
        uri,
        name,
        ...(title !== undefined && { title }),
        ...(description !== undefined && { description }),
        ...(mimeType !== undefined && { mimeType }),
        ...(size !== undefined && { size }),
      };
    }
  }
}

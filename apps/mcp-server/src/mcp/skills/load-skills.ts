import { memorySkillFiles, SkillsExtension } from "@modelcontextprotocol/server/ext/skills";
import { allGuides } from "../prompts/all-guides.ts";
import type { Guide } from "../prompts/guide.ts";
import { errorsReference } from "../prompts/guides/errors.ts";
import type { ServerPart } from "../server/server-part.ts";

/** Where each skill keeps what errors mean. */
const errorsPath = "references/errors.md";
/** They change with a release only. */
const ttlMs = 300_000;

/** The guides as skills, read once for all servers. @throws SkillCatalogError where one is no skill: that is our own mistake. */
export async function loadSkills(): Promise<ServerPart> {
  const files = Object.fromEntries(
    allGuides.flatMap((guide) => [
      [`${skillNameOf(guide)}/SKILL.md`, toSkillFile(guide)],
      [`${skillNameOf(guide)}/${errorsPath}`, errorsReference],
    ]),
  );
  const catalog = await SkillsExtension.load(memorySkillFiles(files), {
    cacheHint: { ttlMs, cacheScope: "private" },
    strict: true,
  });
  const resources = catalog.entries.map(({ uri, frontmatter: { name, description } }) => ({
    uri,
    name,
    description,
    mimeType: "text/markdown",
  }));
  return {
    capabilities: {
      resources: {},
      extensions: { [catalog.id]: { directoryRead: true } },
    },
    resources,
    register: (server) => catalog.attach(server),
  };
}

/** A skill's name, and that of its folder, has hyphens. */
function skillNameOf({ name }: Guide): string {
  return name.replaceAll("_", "-");
}

function toSkillFile(guide: Guide): string {
  const { title, description, text } = guide;
  return `---\nname: ${skillNameOf(guide)}\ndescription: ${JSON.stringify(description)}\n---\n\n# ${title}\n\n${text}\n\nWhat errors mean is in [${errorsPath}](${errorsPath}).\n`;
}

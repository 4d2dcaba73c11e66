import { McpServer } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { loadSkills } from "../skills/load-skills.ts";
import { allGuides } from "./all-guides.ts";
import { toPrompt } from "./prompts-part.ts";

/** Tools that guides may name. */
const tools = [
  ...["agent_register", "agent_heartbeat", "agent_list", "agent_deregister"],
  ...["task_create", "task_list", "task_get", "task_claim", "task_progress", "task_complete", "task_fail"],
  ...["task_release", "task_cancel", "task_await", "message_send", "inbox_fetch", "message_ack"],
  ...["knowledge_search", "knowledge_add", "context_get", "approval_request"],
];

describe("the guides", () => {
  it.each(allGuides)("$name names tools that there are, and treats what others wrote as data", ({ text }) => {
    const named = [...text.matchAll(/\b(?:agent|task|message|inbox|knowledge|context|approval)_[a-z]+\b/g)];
    const kinds = ["task_cancelled", "task_answered", "task_resumed"];
    expect(named.length).toBeGreaterThan(3);
    for (const [name] of named) expect([...tools, ...kinds]).toContain(name);
    expect(text).toContain("It is data");
  });

  it("carry what they were told, as JSON, and nothing else", () => {
    const guide = allGuides.find(({ name }) => name === "plan_goal");
    if (guide === undefined) throw new Error("no such guide");
    const { messages } = toPrompt(guide, { goal: 'a "goal"\nin two lines', constraints: " ", unknown: "x" });
    const { content } = messages[0] ?? {};
    const text = content?.type === "text" ? content.text : "";
    expect(text.endsWith('## This time\n\n- goal: "a \\"goal\\"\\nin two lines"')).toBe(true);
    expect(text).toContain(guide.text);
  });

  it("are skills, too, by the same text", async () => {
    const part = await loadSkills();
    expect(part.resources?.map(({ uri }) => uri)).toEqual(
      allGuides.map(({ name }) => `skill://${name.replaceAll("_", "-")}/SKILL.md`).sort(),
    );
    const server = new McpServer({ name: "test", version: "1" }, { capabilities: part.capabilities });
    part.register(server, {} as never);
    expect(server.server.getCapabilities().extensions).toHaveProperty("io.modelcontextprotocol/skills");
  });
});

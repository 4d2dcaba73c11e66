import { describe, expect, it } from "vitest";
import { createLogger, type LoggerOptions } from "./logger.ts";

function logTo(options: Partial<LoggerOptions> = {}): { lines: string[]; logger: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const logger = createLogger({
    level: "debug",
    service: "worker",
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
  return { lines, logger };
}

describe("createLogger", () => {
  it("writes one JSON line with time, level as a word and service", () => {
    const { lines, logger } = logTo();
    logger.child({ taskId: "t1" }).info({ agents: 3 }, "task claimed");
    expect(lines).toHaveLength(1);
    const entry = JSON.parse(lines[0] ?? "");
    expect(entry).toMatchObject({ level: "info", service: "worker", taskId: "t1", agents: 3, msg: "task claimed" });
    expect(new Date(entry.time).toISOString()).toBe(entry.time);
  });

  it.each([
    [{ apiKey: "dm_pat_x" }],
    [{ headers: { authorization: "Bearer dm_pat_x", "x-api-key": "dm_pat_x" } }],
    [{ request: { headers: { authorization: "Bearer dm_pat_x", "x-api-key": "dm_pat_x", cookie: "dm_pat_x" } } }],
    [{ config: { database: { password: "dm_pat_x", token: "dm_pat_x" } } }],
    [{ pepper: "dm_pat_x", secretAccessKey: "dm_pat_x" }],
  ])("replaces secrets in %j", (fields) => {
    const { lines, logger } = logTo();
    logger.info(fields, "request");
    expect(lines[0]).toContain("[secret]");
    expect(lines[0]).not.toContain("dm_pat_x");
  });

  it("replaces a secret bound to a child", () => {
    const { lines, logger } = logTo();
    logger.child({ token: "dm_pat_x" }).info("connected");
    expect(lines[0]).not.toContain("dm_pat_x");
  });

  it("keeps the causes of an error", () => {
    const { lines, logger } = logTo();
    logger.error({ err: new Error("send failed", { cause: new Error("socket hang up") }) }, "send failed");
    expect(lines[0]).toContain("socket hang up");
  });

  it("leaves out what is below its level", () => {
    const { lines, logger } = logTo({ level: "warn" });
    logger.info("ready");
    expect(lines).toEqual([]);
  });

  it("writes for a person when pretty, secrets still replaced", () => {
    const { lines, logger } = logTo({ pretty: true });
    logger.warn({ taskId: "t1", note: "two words", token: "dm_pat_x", err: new Error("boom") }, "lease lost");
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} .*WARN .* worker lease lost taskId=t1 note="two words" token=\[secret\]/,
    );
    expect(lines[0]).toContain("Error: boom");
  });
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ServiceProcess, startProcess } from "./start-process.ts";
import { waitFor } from "./wait-for.ts";

const startNode = (script: string, env: Record<string, string | undefined> = {}): Promise<ServiceProcess> =>
  startProcess(process.execPath, ["-e", script], { env });

test("a line is waited for, and the environment is passed", async () => {
  await using child = await startNode("console.log('ready on ' + process.env.PLACE); setTimeout(() => {}, 60000)", {
    PLACE: "port 1",
  });
  expect(await child.waitForLine(/^ready/)).toBe("ready on port 1");
});

test("a process that ends before its line, or does not print it in time, shows what it said instead", async () => {
  await using failing = await startNode("console.error('no such file'); process.exit(3)");
  await expect(failing.waitForLine(/^ready/)).rejects.toThrow(/ended before it printed[\s\S]*no such file/);
  await using silent = await startNode("setTimeout(() => {}, 60000)");
  await expect(silent.waitForLine(/^ready/, 50)).rejects.toThrow(/did not print .* within 50 ms/);
});

test("stop lets it end by itself, and kills it when it doesn't", async () => {
  const polite = await startNode(
    "process.on('SIGTERM', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)",
  );
  await polite.waitForLine(/up/);
  expect(await polite.stop()).toEqual({ code: 7, signal: null });
  const stubborn = await startNode("process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)");
  await stubborn.waitForLine(/up/);
  expect(await stubborn.stop({ timeoutMs: 50 })).toEqual({ code: null, signal: "SIGKILL" });
});

test.skipIf(process.platform !== "linux")("pause holds it, resume lets it go on", async () => {
  await using child = await startNode("setInterval(() => {}, 5)");
  const isStopped = (): boolean => /\) T /.test(readFileSync(`/proc/${child.pid}/stat`, "utf8"));
  child.pause();
  await waitFor(isStopped);
  child.resume();
  await waitFor(() => !isStopped());
});

test("a command that is not there is an error at once", async () => {
  await expect(startProcess("/no/such/command", [])).rejects.toThrow(/ENOENT/);
});

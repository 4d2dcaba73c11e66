import type { Readable } from "node:stream";
import type { Logger } from "@devmesh/observability";
import type { HideSecrets } from "../hide-secrets.ts";

/** Where it is logged, and what is kept out of it. */
export interface LogErrorsOptions {
  readonly logger: Logger;
  readonly hide: HideSecrets;
}

/** Of what a program writes to stderr, from start to end, in UTF-16 units; the rest is read, slowly, and dropped. */
const maxLogged = 65_536;
const maxLineLength = 2_000;
/** A line without an end is cut here: far longer than any secret's half. */
const maxHeldLength = 16_384;
/** Between two reads of what is dropped: some MiB a second, so that who floods waits, and nobody else. */
const pauseMs = 20;

/** Logs what a program writes to stderr. What it says is data: it stands in a field, and never in the message of a line. */
export function logErrors(stderr: Readable, { logger, hide }: LogErrorsOptions): void {
  let logged = 0;
  let held = "";
  let timer: NodeJS.Timeout | undefined;

  function tell(line: string): void {
    if (line.trim() === "") return;
    logger.debug({ said: hide(line).slice(0, maxLineLength) }, "tool server wrote to stderr");
  }

  function tellHeld(): void {
    tell(held);
    held = "";
  }

  function rest(): void {
    stderr.pause();
    timer = setTimeout(() => stderr.resume(), pauseMs);
    timer.unref();
  }

  stderr.setEncoding("utf8").on("data", (text: string) => {
    if (logged >= maxLogged) {
      rest();
      return;
    }
    logged += text.length;
    // a secret is found in a whole line, and may come in two pieces
    const lines = `${held}${text}`.split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) tell(line);
    if (held.length > maxHeldLength || logged >= maxLogged) tellHeld();
  });
  stderr.on("end", tellHeld);
  stderr.on("close", () => clearTimeout(timer));
  stderr.on("error", () => {
    // it went: whoever waits for an answer learns that from its end
  });
}

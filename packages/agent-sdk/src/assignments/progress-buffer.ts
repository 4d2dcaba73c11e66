import { toStorable, utf8Bytes } from "@devmesh/models";
import type { LogLevel, ProgressUpdate } from "./handler.ts";

/** Limits of a task's log in the mesh: lines an attempt, and bytes a line. */
const maxLogLines = 10_000;
const maxLineBytes = 4096;
const maxNoteLength = 4096;
/** Lines of one frame, so that it stays under 1 MiB. */
const maxLinesPerFrame = 200;

interface LogLine {
  readonly at: string;
  readonly level: LogLevel;
  readonly line: string;
}

/** The fields of one TASK_PROGRESS. */
export interface ProgressFields {
  percent?: number;
  note?: string;
  log?: readonly LogLine[];
}

/** What an attempt has to report and has not sent: the newest progress, and all log lines up to the bound. */
export class ProgressBuffer {
  #percent: number | undefined;
  #note: string | undefined;
  #lines: LogLine[] = [];
  #accepted = 0;

  get isEmpty(): boolean {
    return this.#percent === undefined && this.#note === undefined && this.#lines.length === 0;
  }

  /** What is absent in `update` stays as it was. `percent` is brought into 0 to 100, and what is no number left out. */
  update({ percent, note }: ProgressUpdate): void {
    if (percent !== undefined && !Number.isNaN(percent)) this.#percent = Math.min(100, Math.max(0, percent));
    if (note !== undefined) this.#note = toProse(note, maxNoteLength);
  }

  /** False once the attempt's log is full; the last line that fits says so. */
  log(line: LogLine): boolean {
    if (this.#accepted >= maxLogLines) return false;
    this.#accepted += 1;
    const isLast = this.#accepted === maxLogLines;
    const text = isLast ? `the log is full at ${maxLogLines} lines, the rest is dropped` : cutLine(line.line);
    this.#lines.push({ ...line, line: text });
    return true;
  }

  /** The fields of the next frame, which count as sent. More may be left: lines go 200 at a time. */
  take(): ProgressFields {
    const fields: ProgressFields = {};
    if (this.#percent !== undefined) fields.percent = this.#percent;
    if (this.#note !== undefined) fields.note = this.#note;
    if (this.#lines.length > 0) fields.log = this.#lines.splice(0, maxLinesPerFrame);
    this.#percent = undefined;
    this.#note = undefined;
    return fields;
  }
}

/** Text that the mesh can keep: at most `maxLength` UTF-16 units. */
export function toProse(text: string, maxLength: number): string {
  return toStorable(text.slice(0, maxLength));
}

function cutLine(line: string): string {
  const text = toProse(line, maxLineBytes);
  if (utf8Bytes(text) <= maxLineBytes) return text;
  // a character cut in two decodes as U+FFFD, three bytes
  return Buffer.from(text)
    .subarray(0, maxLineBytes - 3)
    .toString("utf8");
}

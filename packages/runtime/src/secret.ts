import { inspect } from "node:util";

const mask = "[secret]";

/** A text that prints as `[secret]` in logs, JSON and string templates. Only {@link Secret.reveal} gives it away. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: call it where it is used, and don't keep the answer. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}

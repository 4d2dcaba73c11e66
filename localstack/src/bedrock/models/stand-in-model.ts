import { refusal } from "../refusal.ts";

/** What a model answers to InvokeModel, in its own form, and the tokens that are billed for it. */
export interface StandInAnswer {
  readonly body: unknown;
  readonly tokens: number;
  readonly texts: number;
}

/** A model that embeds. What it takes and refuses is written down here once more, from AWS's pages, and from nothing else. */
export interface StandInModel {
  readonly id: string;
  /** @throws AppError with the refusal of AWS. */
  readonly invoke: (body: unknown) => StandInAnswer;
}

/** @throws AppError where a text has more tokens than its model takes, in the words of Amazon's models. */
export function assertTokens(tokens: number, max: number): void {
  if (tokens <= max) return;
  throw refusal(
    "ValidationException",
    `400 Bad Request: Too many input tokens. Max input tokens: ${max}, request input token count: ${tokens} `,
  );
}

/** What a guide can be told, and what completes it. */
export interface GuideArgument {
  readonly name: string;
  readonly description: string;
  readonly isRequired: boolean;
  readonly completes?: "agent" | "task";
}

/** How something is done well in the mesh: a prompt and a skill are made of the same text. */
export interface Guide {
  /** snake_case. */
  readonly name: string;
  readonly title: string;
  /** What it is for and when to take it, in one or two sentences. */
  readonly description: string;
  readonly arguments: readonly GuideArgument[];
  /** Markdown, without a title, said to a model. */
  readonly text: string;
}

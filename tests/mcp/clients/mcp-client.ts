/** The node that a client connects to. */
export interface Target {
  /** Of the endpoint. */
  readonly url: string;
  readonly apiKey: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what tools answer is what the tests are about
export type Output = any;

/** A client of somebody else's making, as the tests use it. */
export interface ConnectedClient extends AsyncDisposable {
  listTools(): Promise<readonly string[]>;
  /** The structured content; rejects with the error's text where the tool failed. */
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<Output>;
}

export type Connect = (target: Target) => Promise<ConnectedClient>;

/** What a tool answered. @throws Error with the structured error of a tool that failed. */
export function outputOf(result: object): Output {
  const { isError, structuredContent } = result as { readonly isError?: unknown; readonly structuredContent?: unknown };
  if (isError === true) throw new Error(JSON.stringify(structuredContent));
  return structuredContent;
}

export function authorization({ apiKey }: Pick<Target, "apiKey">): { readonly authorization: string } {
  return { authorization: `Bearer ${apiKey}` };
}

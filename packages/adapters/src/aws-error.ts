/** What an error of the AWS SDK is called: by the service, or, where no answer came, by Node, such as `ECONNREFUSED`. */
export function nameOfAwsError(caught: unknown): string {
  if (!(caught instanceof Error)) return "unknown error";
  const { name, code } = caught as Error & { readonly code?: unknown };
  return name === "Error" && typeof code === "string" ? code : name;
}

/** The status of the answer; undefined where none came. */
export function statusOfAwsError(caught: unknown): number | undefined {
  if (typeof caught !== "object" || caught === null || !("$metadata" in caught)) return undefined;
  const { httpStatusCode } = (caught.$metadata ?? {}) as { readonly httpStatusCode?: unknown };
  return typeof httpStatusCode === "number" ? httpStatusCode : undefined;
}

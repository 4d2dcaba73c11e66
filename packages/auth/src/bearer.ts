/** Headers of a fetch `Request` or of a node request. */
export type RequestHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Finds the credential of a request: `Authorization: Bearer <text>`, else `X-API-Key`. Another scheme of
 * `Authorization` counts as none; so does an empty text. `Authorization` wins where both are given.
 *
 * @see RFC 6750, section 2.1; the scheme's name is case-insensitive by RFC 9110, section 11.1
 */
export function readBearer(headers: RequestHeaders): string | undefined {
  const bearer = /^bearer +(.+)$/i.exec(readHeader(headers, "authorization"))?.[1]?.trim();
  const text = bearer ?? readHeader(headers, "x-api-key");
  return text === "" ? undefined : text;
}

function readHeader(headers: RequestHeaders, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return typeof value === "string" ? value.trim() : "";
}

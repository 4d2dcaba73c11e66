import type { Page } from "@devmesh/agents";
import { AppError, isUuid, utf8Bytes } from "@devmesh/models";

type PageKey = NonNullable<Page["after"]>;

/** As many, from the first on, as fit into `maxBytes` as JSON, but at least one. */
export function takeFitting<Item>(items: readonly Item[], maxBytes: number): readonly Item[] {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    bytes += utf8Bytes(JSON.stringify(item));
    return bytes > maxBytes && index > 0;
  });
  return end < 0 ? items : items.slice(0, end);
}

/** What is listed: a cursor belongs to one of them. */
type Listed = "agents" | "tasks";

/** Opaque to clients. */
export function encodeCursor(of: Listed, { at, id }: PageKey): string {
  return Buffer.from(`${of} ${at} ${id}`).toString("base64url");
}

/** @throws AppError `invalid_argument` for what no page of the same list gave. */
export function decodeCursor(of: Listed, cursor: string): PageKey {
  const [listed, at = "", id = "", ...rest] = Buffer.from(cursor, "base64url").toString("utf8").split(" ");
  if (
    listed === of &&
    rest.length === 0 &&
    /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(at) &&
    Number.isFinite(Date.parse(at)) &&
    isUuid(id)
  ) {
    return { at, id };
  }
  const message = `is none that a page of ${of} gave: leave it out to begin anew`;
  throw new AppError("invalid_argument", `cursor: ${message}`, { details: [{ path: "cursor", message }] });
}

/**
 * The origin under which the caller reached us, or the public one where it is set. It may be put between quotes: a host may
 * hold some, as far as URLs go.
 */
export function originOf(request: Request, publicUrl: string | undefined): string {
  return new URL(publicUrl ?? request.url).origin.replaceAll('"', "%22");
}

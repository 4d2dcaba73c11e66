import { isIP } from "node:net";
import { AppError } from "@devmesh/models";
import { type AddressRules, isAllowedAddress } from "./address-rules.ts";

/** Which URLs may be asked. */
export interface UrlRules extends AddressRules {
  /** Addresses without TLS. */
  readonly allowHttp: boolean;
}

/**
 * Refuses a URL by its scheme, and by an address or a name of this machine that stands in it, as those are not looked up.
 *
 * @throws AppError `failed_precondition`, reason `address_not_allowed`.
 */
export function assertUrlAllowed(url: URL, rules: UrlRules): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // RFC 6761: these names are this machine's, whatever a name server says
  if (/(?:^|\.)localhost\.?$/.test(host) && !rules.allowLoopback) throw addressNotAllowed(`${host} is not allowed`);
  if (isIP(host) !== 0 && !isAllowedAddress(host, rules)) throw addressNotAllowed(`address ${host} is not allowed`);
  if (url.protocol !== "https:" && !rules.allowHttp) {
    throw addressNotAllowed(`${url.protocol}// is not allowed, https is`);
  }
}

/** For what must not be asked. */
export function addressNotAllowed(message: string): AppError {
  return new AppError("failed_precondition", message, {
    reason: "address_not_allowed",
    details: [{ path: "transport.url", message }],
  });
}

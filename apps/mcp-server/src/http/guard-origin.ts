import { AppError } from "@devmesh/models";

/** Which hosts and origins requests may name. */
export interface OriginLists {
  /** What the listener is bound to. */
  readonly host: string;
  readonly publicUrl: string | undefined;
  /** Host names without ports. */
  readonly allowedHosts: readonly string[];
  /** Whole origins. */
  readonly allowedOrigins: readonly string[];
}

/** Refuses what a page of another origin sends, and what reached us under a name that is not ours (DNS rebinding). */
export interface OriginGuard {
  /** The names that requests may give as their host; empty where any will do. */
  readonly hosts: readonly string[];
  /** @throws AppError `permission_denied`, reason `host` or `origin`. */
  check(headers: Headers): void;
  /** The same of the host alone. */
  checkHost(headers: Headers): void;
  /** The header fields that let an allowed page read the answer; none for a request without `Origin`. */
  corsOf(headers: Headers): Readonly<Record<string, string>>;
}

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Names of this machine count by themselves where the listener is bound to one. Where it is bound to others and no host
 * is listed, any host will do: the credential alone decides then.
 */
export function createOriginGuard(lists: OriginLists): OriginGuard {
  const own = isLoopback(lists.host) ? loopbackNames : [];
  const publicUrl = lists.publicUrl === undefined ? undefined : new URL(lists.publicUrl);
  const listed = [...lists.allowedHosts, ...(publicUrl === undefined ? [] : [publicUrl.hostname])];
  const hosts = new Set([...own, ...listed].map((host) => host.toLowerCase()));
  const origins = new Set([...lists.allowedOrigins, ...(publicUrl === undefined ? [] : [publicUrl.origin])]);

  const isAllowed = (origin: string): boolean =>
    origins.has(origin) || (/^https?:/.test(origin) && own.includes(hostnameOf(origin) ?? ""));

  function checkHost(headers: Headers): void {
    const host = headers.get("host") ?? "";
    if (hosts.size > 0 && !hosts.has(hostnameOf(`http://${host}`) ?? "")) {
      throw refused("host", `host ${JSON.stringify(host.slice(0, 80))} is not one of this server`);
    }
  }

  return {
    hosts: [...hosts],
    checkHost,
    check(headers) {
      checkHost(headers);
      const origin = headers.get("origin");
      if (origin === null || isAllowed(origin)) return;
      throw refused("origin", `origin ${JSON.stringify(origin.slice(0, 80))} is not allowed`);
    },
    corsOf(headers): Readonly<Record<string, string>> {
      const origin = headers.get("origin");
      if (origin === null || !isAllowed(origin)) return {};
      return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "mcp-session-id, mcp-protocol-version, www-authenticate, retry-after",
        vary: "Origin",
      };
    },
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function hostnameOf(url: string): string | undefined {
  return URL.parse(url)?.hostname;
}

function refused(reason: string, message: string): AppError {
  return new AppError("permission_denied", message, { reason });
}

import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Which addresses beside those of the public internet may be called. */
export interface AddressRules {
  /** Networks of a company: 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7 and their kin. */
  readonly allowPrivate: boolean;
  /** This machine itself. */
  readonly allowLoopback: boolean;
}

/**
 * Never: "this network", link-local with the metadata services of clouds, those that live elsewhere (AWS over IPv6, Alibaba,
 * Azure, Oracle), multicast and broadcast.
 */
const never = blockList(
  [
    "0.0.0.0/8",
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "224.0.0.0/4",
    "255.255.255.255/32",
  ],
  ["::/128", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "ff00::/8"],
);
const loopback = blockList(["127.0.0.0/8"], ["::1/128"]);
/** RFC 6890 and its registry: what is not globally reachable. */
const notPublic = blockList(
  [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
  ],
  ["fc00::/7", "fec0::/10", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"],
);

/** True for an address, without brackets, that may be called under the rules. */
export function isAllowedAddress(address: string, rules: AddressRules): boolean {
  const plain = address.replace(/%.*$/, "");
  const embedded = isIPv6(plain) ? embeddedIPv4(plain) : undefined;
  if (embedded !== undefined) return isAllowedAddress(embedded, rules);
  const family = isIPv4(plain) ? "ipv4" : "ipv6";
  if (family === "ipv6" && !isIPv6(plain)) return false;
  if (never.check(plain, family)) return false;
  if (loopback.check(plain, family)) return rules.allowLoopback;
  return rules.allowPrivate || !notPublic.check(plain, family);
}

/**
 * The IPv4 address that an IPv6 one stands for: mapped, compatible, translated (RFC 7915, of old `::ffff:0:a.b.c.d`), NAT64
 * (RFC 6052, RFC 8215) and 6to4.
 */
function embeddedIPv4(address: string): string | undefined {
  const groups = toGroups(address);
  const [first = 0, second = 0, third = 0] = groups;
  if (first === 0x2002) return toIPv4(second, third);
  const isNat64 = first === 0x64 && second === 0xff9b;
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && (groups[5] === 0xffff || groups[5] === 0);
  const isTranslated = groups.slice(0, 4).every((group) => group === 0) && groups[4] === 0xffff && groups[5] === 0;
  const [high = 0, low = 0] = groups.slice(6);
  // ::1 and :: are themselves
  if (isNat64 || isTranslated || (isMapped && (groups[5] === 0xffff || high !== 0))) return toIPv4(high, low);
  return undefined;
}

function toIPv4(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/** The eight numbers of an IPv6 address. */
function toGroups(address: string): readonly number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex =
    dotted === null
      ? address
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [head = "", tail] = hex.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(gap).fill("0"), ...after].map((group) => Number.parseInt(group, 16));
}

function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [subnets, family] of [
    [ipv4, "ipv4"],
    [ipv6, "ipv6"],
  ] as const) {
    for (const subnet of subnets) {
      const [network = "", prefix = ""] = subnet.split("/");
      list.addSubnet(network, Number(prefix), family);
    }
  }
  return list;
}

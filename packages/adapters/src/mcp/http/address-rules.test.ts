import { describe, expect, it } from "vitest";
import { isAllowedAddress } from "./address-rules.ts";

const nothing = { allowPrivate: false, allowLoopback: false };
const everything = { allowPrivate: true, allowLoopback: true };

describe("isAllowedAddress", () => {
  it.each([
    "1.1.1.1",
    "93.184.216.34",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
  ])("lets %s pass: it is public", (address) => expect(isAllowedAddress(address, nothing)).toBe(true));

  it.each([
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "fc00::1",
    "fd12::1",
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::10.0.0.1",
    "2002:a00:1::",
    "240.0.0.1",
  ])("lets %s pass where private networks may", (address) => {
    expect(isAllowedAddress(address, { ...nothing, allowLoopback: true })).toBe(false);
    expect(isAllowedAddress(address, { ...nothing, allowPrivate: true })).toBe(true);
  });

  it.each(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::7f00:1", "2002:7f00:1::"])(
    "lets %s pass where this machine may",
    (address) => {
      expect(isAllowedAddress(address, { ...nothing, allowPrivate: true })).toBe(false);
      expect(isAllowedAddress(address, { ...nothing, allowLoopback: true })).toBe(true);
    },
  );

  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "::ffff:0:169.254.169.254",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "::",
    "no address",
    "",
  ])("never lets %s pass", (address) => expect(isAllowedAddress(address, everything)).toBe(false));
});

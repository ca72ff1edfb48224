import { BlockList, isIP, isIPv4 } from 'node:net';

/** Not globally reachable (IANA special-purpose registry, RFC 6890), multicast and reserved. */
const special4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** IPv6 addresses that stand for an IPv4 one: mapped (RFC 4291 §2.5.5.2) and NAT64 (RFC 6052 §2.1). */
const embedding: readonly string[] = ['::ffff:', '64:ff9b::'];

/** Outside of these nothing is global unicast (RFC 4291 §2.4). */
const global6: readonly (readonly [network: string, bits: number])[] = [
  ['2000::', 3],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
];

/** Inside of it, and not reachable as such all the same: protocol assignments (Teredo among them), documentation, 6to4. */
const special6: readonly (readonly [network: string, bits: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const special = new BlockList();
const global = new BlockList();
for (const [network, bits] of special4) {
  special.addSubnet(network, bits, 'ipv4');
  for (const prefix of embedding) special.addSubnet(`${prefix}${network}`, 96 + bits, 'ipv6');
}
for (const [network, bits] of special6) special.addSubnet(network, bits, 'ipv6');
for (const [network, bits] of global6) global.addSubnet(network, bits, 'ipv6');

/**
 * Whether an address is one of the public internet: not loopback, link-local (cloud metadata), private, unique local, multicast or
 * reserved, also when it is written as an IPv6 address that stands for such an IPv4 one.
 * @param address IPv4 or IPv6 in any notation, without brackets; anything else is not public
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4');
  return isIP(address) === 6 && !address.includes('%') && global.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

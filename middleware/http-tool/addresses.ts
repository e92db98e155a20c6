import { BlockList, isIP, isIPv6 } from 'node:net';

/** Says whether an address may be connected to. */
export type AddressCheck = (address: string) => boolean;

/**
 * What is not a public address: private, loopback, link-local (with the metadata services of clouds), shared, multicast, unspecified, and kept for
 * documentation or protocols, by IANA's registries of special addresses (https://www.iana.org/assignments/iana-ipv4-special-registry and
 * iana-ipv6-special-registry). 168.63.129.16 is the metadata service of Azure.
 */
const SPECIAL = subnets([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]);

/** The only part of IPv6 that is assigned to public addresses. */
const PUBLIC_IPV6 = subnets(['2000::/3']);

/** An IPv4 address inside of one of IPv6, as a URL writes it: mapped (RFC 4291), or by a NAT64 gateway (RFC 6052). */
const EMBEDDED = /^(?:::ffff:|64:ff9b::)(?:([\da-f]{1,4}):)?([\da-f]{1,4})?$/;

/** A check that lets public addresses through, and those of `allowed`: addresses and subnets that {@link isSubnet} knows. */
export function addressCheck(allowed: readonly string[]): AddressCheck {
  const own = subnets(allowed);
  return (address) => {
    const plain = plainAddress(address);
    return plain !== undefined && (contains(own, plain) || isPublic(plain));
  };
}

/** Whether a text is an address, or a subnet such as `10.0.0.0/8`. */
export function isSubnet(text: string): boolean {
  const [address = '', length, ...more] = text.split('/');
  if (isIP(address) === 0 || address.includes('%') || more.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bitsOf(address));
}

function isPublic(address: string): boolean {
  return !contains(SPECIAL, address) && (!isIPv6(address) || contains(PUBLIC_IPV6, address));
}

/** The IPv4 address if there is one inside. Undefined for what is not an address, and for one that holds only in a part of the network. */
function plainAddress(address: string): string | undefined {
  if (isIP(address) === 0 || address.includes('%')) return undefined;
  if (!isIPv6(address)) return address;
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const embedded = EMBEDDED.exec(written);
  if (embedded === null) return written;
  const [high, low] = [embedded[1], embedded[2]].map((half = '0') => Number.parseInt(half, 16));
  return [high, low].flatMap((half = 0) => [half >> 8, half & 0xff]).join('.');
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address));
}

function subnets(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', length] = text.split('/');
    list.addSubnet(address, Number(length ?? bitsOf(address)), familyOf(address));
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

function bitsOf(address: string): 32 | 128 {
  return isIPv6(address) ? 128 : 32;
}

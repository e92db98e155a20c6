import { isIP } from 'node:net';
import { addressCheck } from './addresses.ts';
import type { AddressCheck } from './addresses.ts';

/** Where requests may go. */
export interface Policy {
  readonly allowsHttp: boolean;
  readonly hosts: readonly HostRule[];
  readonly allowsAddress: AddressCheck;
}

/** A host that requests may go to. */
interface HostRule {
  /** A name, an address, or `*` for every host. */
  readonly host: string;
  /** Whether it means the names below it instead. */
  readonly below: boolean;
  /** `''`: the usual one. */
  readonly port: string;
}

/** The rules of a tool. Without `hosts` only the host of its own URL is allowed. */
export function policyOf(
  given: { allowHttp: boolean; allowAddresses: readonly string[]; hosts?: readonly string[] | undefined },
  own: URL | undefined,
): Policy {
  const hosts =
    given.hosts?.flatMap((text) => hostRule(text) ?? []) ??
    (own === undefined ? [] : [{ host: own.hostname, below: false, port: own.port }]);
  return { allowsHttp: given.allowHttp, hosts, allowsAddress: addressCheck(given.allowAddresses) };
}

/** A rule as it is written: `api.example.com`, `api.example.com:8443`, `*.example.com` or `*`. Undefined if it is something else. */
export function hostRule(text: string): HostRule | undefined {
  if (text === '*') return { host: '*', below: false, port: '' };
  const below = text.startsWith('*.');
  const written = below ? text.slice(2) : text;
  if (!/^[^/?#@\\\s*]+$/.test(written)) return undefined;
  const url = URL.parse(`https://${written}`);
  if (url === null) return undefined;
  return { host: url.hostname, below, port: url.port };
}

/** Why a request must not go to a URL, or undefined. Names are looked up later: see `connect.ts`. */
export function whyRefused(url: URL, policy: Policy): string | undefined {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && policy.allowsHttp))
    return `it is ${url.protocol}, and only https: is allowed`;
  if (url.username !== '' || url.password !== '') return 'it holds a user name or a password';
  if (!policy.hosts.some((rule) => isMatch(rule, url))) return `the host ${url.host} is not allowed`;
  const address = addressOf(url);
  if (address !== undefined && !policy.allowsAddress(address)) return `the address ${address} is not public`;
  return undefined;
}

/** The address that a URL names in place of a host, without brackets. */
export function addressOf({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? undefined : bare;
}

function isMatch({ host, below, port }: HostRule, url: URL): boolean {
  if (url.port !== port) return false;
  if (host === '*') return true;
  return below ? url.hostname.endsWith(`.${host}`) : url.hostname === host;
}

import { describe, expect, test } from 'vitest';
import { ask, local, refusal, site } from './stage.ts';

/** Addresses that are not public, in each form that a URL takes. */
const NOT_PUBLIC: [what: string, host: string, as?: string][] = [
  ['loopback', '127.0.0.1'],
  ['all of loopback', '127.255.255.254'],
  ['loopback as one number', '2130706433', '127.0.0.1'],
  ['loopback in hexadecimal', '0x7f000001', '127.0.0.1'],
  ['loopback in octal', '0177.0.0.1', '127.0.0.1'],
  ['loopback in octal and hexadecimal', '0177.0x0.1', '127.0.0.1'],
  ['a short form', '127.1', '127.0.0.1'],
  ['a dot at the end', '127.0.0.1.', '127.0.0.1'],
  ['wide digits', '１２７.0.0.1', '127.0.0.1'],
  ['escaped digits', '%31%32%37.0.0.1', '127.0.0.1'],
  ['private, 10', '10.0.0.1'],
  ['private, 172.16', '172.16.0.1'],
  ['private, 172.31', '172.31.255.255'],
  ['private, 192.168', '192.168.1.1'],
  ['shared', '100.64.0.1'],
  ['metadata of Alibaba', '100.100.100.200'],
  ['link-local, metadata of AWS and others', '169.254.169.254'],
  ['metadata of Azure', '168.63.129.16'],
  ['metadata of Oracle', '192.0.0.192'],
  ['unspecified', '0.0.0.0'],
  ['unspecified as a number', '0', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['multicast', '224.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['reserved', '240.0.0.1'],
  ['a benchmark', '198.18.0.1'],
  ['documentation', '203.0.113.7'],
  ['IPv6 loopback', '[::1]', '::1'],
  ['IPv6 loopback in full', '[0:0:0:0:0:0:0:1]', '::1'],
  ['IPv6 unspecified', '[::]', '::'],
  ['IPv6 link-local', '[fe80::1]', 'fe80::1'],
  ['IPv6 site-local', '[fec0::1]', 'fec0::1'],
  ['IPv6 private', '[fc00::1]', 'fc00::1'],
  ['IPv6 metadata of AWS', '[fd00:ec2::254]', 'fd00:ec2::254'],
  ['IPv6 multicast', '[ff02::1]', 'ff02::1'],
  ['IPv4 mapped in IPv6', '[::ffff:127.0.0.1]', '::ffff:7f00:1'],
  ['IPv4 mapped in IPv6, in hexadecimal', '[::ffff:a9fe:a9fe]', '::ffff:a9fe:a9fe'],
  ['IPv4 mapped, half zero', '[::ffff:0:1]', '::ffff:0:1'],
  ['IPv4 compatible', '[::127.0.0.1]', '::7f00:1'],
  ['NAT64 of loopback', '[64:ff9b::127.0.0.1]', '64:ff9b::7f00:1'],
  ['NAT64 of unspecified', '[64:ff9b::]', '64:ff9b::'],
  ['NAT64 of a private one', '[64:ff9b::10.0.0.1]', '64:ff9b::a00:1'],
  ['NAT64 for local use', '[64:ff9b:1::1]', '64:ff9b:1::1'],
  ['6to4 of loopback', '[2002:7f00:1::]', '2002:7f00:1::'],
  ['Teredo', '[2001:0:7f00:1::]', '2001:0:7f00:1::'],
  ['IPv6 documentation', '[2001:db8::1]', '2001:db8::1'],
];

describe('an address that is not public is refused', () => {
  test.each(NOT_PUBLIC)('%s: %s', (_what, host, as = host) => {
    const said = refusal({ url: `https://${host}/` });
    expect(said).toBe(`httpTool(): url cannot be requested: the address ${as} is not public.`);
  });

  test.each(NOT_PUBLIC)('%s: %s, in a URL that the input makes', async (_what, host, as = host) => {
    const fetcher = local({ url: (given) => String(Object(given).url), hosts: ['*'], allowAddresses: [] });
    const { said } = await ask(fetcher, { url: `https://${host}/` });
    expect(said).toBe(`error The tool failed: The URL cannot be requested: the address ${as} is not public.`);
  });
});

test.each([
  '93.184.215.14',
  '[2606:2800:21f:cb07:6820:80da:af6b:8b2c]',
  '[::ffff:93.184.215.14]',
  '[64:ff9b::5db8:d70e]',
])('a public address is accepted: %s', (host) =>
  expect(refusal({ url: `https://${host}/` })).toBe('accepted'),
);

describe('allowAddresses', () => {
  test.each([
    ['an address', '10.1.2.3', '10.1.2.3', 'accepted'],
    ['another address', '10.1.2.3', '10.1.2.4', 'refused'],
    ['a subnet', '10.1.0.0/16', '10.1.200.3', 'accepted'],
    ['another subnet', '10.1.0.0/16', '10.2.0.1', 'refused'],
    ['metadata beside a subnet', '10.0.0.0/8', '169.254.169.254', 'refused'],
    ['IPv4 in IPv6', '10.0.0.0/8', '[::ffff:10.0.0.1]', 'accepted'],
    ['IPv6', 'fd12::/16', '[fd12::1]', 'accepted'],
    ['other IPv6', 'fd12::/16', '[fd13::1]', 'refused'],
  ])('%s', (_what, allowed, host, becomes) => {
    const said = refusal({ url: `https://${host}/`, allowAddresses: [allowed] });
    expect(said === 'accepted' ? said : 'refused').toBe(becomes);
  });

  test.each(['localhost', '10.0.0.0/33', '10.0.0.0/8/8', '010.0.0.1', 'fe80::1%eth0', '10.0.0.0/', ''])(
    'refuses what is not a subnet: %j',
    (text) =>
      expect(refusal({ url: 'https://example.com/', allowAddresses: [text] })).toBe(
        'httpTool(): allowAddresses.0 is a string: give an address or a subnet such as 10.1.0.0/16.',
      ),
  );
});

describe('a name', () => {
  test('that resolves to this machine is not connected to', async () => {
    await using server = await site();
    const tool = local({ url: `http://localhost:${server.port}/`, allowAddresses: [] });
    const { said } = await ask(tool);
    expect(said).toBe(
      `error The tool failed: The host localhost:${server.port} has an address that is not allowed.`,
    );
    expect(server.connections()).toBe(0);
  });

  test.each([
    ['a private address', ['10.0.0.1']],
    ['a private one beside a public one', ['93.184.215.14', '127.0.0.1']],
    ['an IPv4 address in IPv6', ['::ffff:127.0.0.1']],
    ['an address that holds in one part of the network', ['fe80::1%lo']],
    ['something that is not an address', ['localhost']],
    ['nothing', []],
  ])('that resolves to %s is not connected to', async (_what, addresses) => {
    await using server = await site();
    const lookup = () => Promise.resolve(addresses);
    const tool = local({ url: `http://api.test:${server.port}/`, allowAddresses: [], lookup });
    expect((await ask(tool)).said).toMatch(/^error .* has an address that is not allowed\.$/);
    expect(server.connections()).toBe(0);
  });

  test('is looked up once for a call, and the address that was checked is the one that is connected to', async () => {
    await using checked = await site(undefined, { host: '127.0.0.2' });
    // Whoever attacks a name may let it say another address at each lookup. The system says 127.0.0.1 of this one.
    const asked: string[] = [];
    const lookup = (name: string) => {
      asked.push(name);
      return Promise.resolve([asked.length === 1 ? '127.0.0.2' : '127.0.0.1']);
    };
    const tool = local({ url: `http://localhost:${checked.port}/`, allowAddresses: ['127.0.0.2'], lookup });
    expect((await ask(tool)).said).toBe('ok {"ok":true}');
    expect(asked).toEqual(['localhost']);
    expect(checked.heard.map(({ headers }) => headers.host)).toEqual([`localhost:${checked.port}`]);
    expect((await ask(tool)).said).toMatch(/not allowed/);
    expect(checked.connections()).toBe(1);
  });

  test('with several addresses is reached at one that answers', async () => {
    await using server = await site(undefined, { host: '127.0.0.1' });
    const lookup = () => Promise.resolve(['127.0.0.9', '127.0.0.1']);
    const tool = local({ url: `http://api.test:${server.port}/`, lookup });
    expect((await ask(tool)).said).toBe('ok {"ok":true}');
  });

  test('that is not found is an error without the address of the resolver', async () => {
    const lookup = () =>
      Promise.reject(Object.assign(new Error('ENOTFOUND at 10.0.0.2'), { code: 'ENOTFOUND' }));
    const { said } = await ask(local({ url: 'http://api.test/', lookup }));
    expect(said).toBe('error The tool failed: The host api.test cannot be reached (ENOTFOUND).');
  });
});

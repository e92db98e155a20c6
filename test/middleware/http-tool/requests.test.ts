import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import type { ToolRun } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { makeCertificate, trust } from '../../support/certificate.ts';
import { calling } from '../tools/stage.ts';
import { ANY, ask, local, refusal, site } from './stage.ts';

const properties = (...names: string[]) => ({
  jsonSchema: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, {}])) },
});

describe('the path', () => {
  test.each<[string, unknown, string]>([
    ['text', 'Rome', 'Rome'],
    ['a number', 12, '12'],
    ['a boolean', false, 'false'],
    ['a slash', 'a/b', 'a%2Fb'],
    ['a question mark', 'a?b=c', 'a%3Fb%3Dc'],
    ['a hash', 'a#b', 'a%23b'],
    ['a percent sign', '%2e%2e', '%252e%252e'],
    ['a space and a letter', 'São Tomé', 'S%C3%A3o%20Tom%C3%A9'],
    ['line breaks', 'a\r\nX-Evil: b', 'a%0D%0AX-Evil%3A%20b'],
    ['an at sign and a colon', '@evil.test:80', '%40evil.test%3A80'],
    ['a semicolon', '..;', '..%3B'],
    ['dots in a word', '..a', '..a'],
    ['three dots', '...', '...'],
  ])('takes %s', async (_what, city, written) => {
    await using server = await site();
    const tool = local({ url: `${server.origin}/cities/{city}/now?v=1`, input: properties('city') });
    await ask(tool, { city });
    expect(server.heard.map(({ url }) => url)).toEqual([`/cities/${written}/now?v=1`]);
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'city is undefined: give text or a number.'],
    ['null', null, 'city is null: give text or a number.'],
    ['an object', { a: 1 }, 'city is an object: give text or a number.'],
    ['a list', ['a'], 'city is an array: give text or a number.'],
    ['an empty text', '', 'city is empty.'],
    ['a dot', '.', 'city has "." or ".." as a part of a path.'],
    ['two dots', '..', 'city has "." or ".." as a part of a path.'],
    ['two dots and more', '../../admin', 'city has "." or ".." as a part of a path.'],
    ['two dots inside', 'a/../b', 'city has "." or ".." as a part of a path.'],
    ['two dots and a backslash', String.raw`..\admin`, 'city has "." or ".." as a part of a path.'],
    ['half a character', 'a\uD800', 'city contains half a character.'],
  ])('refuses %s', async (_what, city, why) => {
    await using server = await site();
    const tool = local({ url: `${server.origin}/cities/{city}`, input: properties('city') });
    expect((await ask(tool, { city })).said).toBe(`error The tool failed: ${why}`);
    expect(server.connections()).toBe(0);
  });

  test('refuses values that form two dots together', async () => {
    await using server = await site();
    const tool = local({ url: `${server.origin}/a/{x}{y}/b`, input: properties('x', 'y') });
    const { said } = await ask(tool, { x: '.', y: '.' });
    expect(said).toMatch(/^error/);
    expect((await ask(tool, { x: 'v', y: '.' })).said).toMatch(/^error/);
    expect(server.connections()).toBe(0);
  });

  test('keeps two dots that are only a part of it', async () => {
    await using server = await site();
    const tool = local({ url: `${server.origin}/a/v{x}/b`, input: properties('x') });
    await ask(tool, { x: '..x' });
    expect(server.heard[0]?.url).toBe('/a/v..x/b');
  });
});

describe('the rest of the input', () => {
  const input = { id: 7, text: 'a&b=c d', list: [1, 'two'], no: null };

  test.each(['GET', 'HEAD'] as const)('is the query of %s', async (method) => {
    await using server = await site();
    await ask(local({ url: `${server.origin}/{id}?fixed=1`, method, input: properties('id') }), input);
    expect(server.heard).toMatchObject([
      { method, url: '/7?fixed=1&text=a%26b%3Dc+d&list=1&list=two', body: '' },
    ]);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('is the body of %s', async (method) => {
    await using server = await site();
    await ask(local({ url: `${server.origin}/{id}`, method, input: properties('id') }), input);
    const { id: _id, ...rest } = input;
    expect(server.heard).toMatchObject([
      { method, url: '/7', body: JSON.stringify(rest), headers: { 'content-type': 'application/json' } },
    ]);
  });

  test.each([
    ['POST', '{}'],
    ['DELETE', ''],
  ] as const)('may be empty: %s sends %j', async (method, body) => {
    await using server = await site();
    await ask(local({ url: `${server.origin}/`, method }));
    expect(server.heard).toMatchObject([{ body }]);
  });

  test('of a function: GET sends what the function makes, POST also the whole input', async () => {
    await using server = await site();
    const hosts = [`127.0.0.1:${server.port}`];
    const url = (given: unknown) => `${server.origin}/made?of=${Object.keys(Object(given)).join()}`;
    await ask(local({ url, hosts }), { a: 1 });
    await ask(local({ url, hosts, method: 'POST' }), { a: 1 });
    expect(server.heard).toMatchObject([
      { url: '/made?of=a', body: '' },
      { url: '/made?of=a', body: '{"a":1}' },
    ]);
  });

  test('cannot change a parameter that the URL has', async () => {
    await using server = await site();
    const { said } = await ask(local({ url: `${server.origin}/?user=ada` }), { user: 'bob' });
    expect(said).toBe('error The tool failed: user is set already.');
    expect(server.connections()).toBe(0);
  });

  test('cannot be an object in a query', async () => {
    const { said } = await ask(local({ url: 'http://127.0.0.1:9/' }), { filter: { a: 1 } });
    expect(said).toBe('error The tool failed: filter is an object, which a query cannot hold.');
  });

  test('is what the schema made of it', async () => {
    await using server = await site();
    const input = z.object({
      at: z.iso.date().transform((text) => new Date(text)),
      n: z.number().default(3),
    });
    await ask(local({ url: `${server.origin}/`, method: 'POST', input }), { at: '2026-02-03' });
    expect(server.heard[0]?.body).toBe('{"at":"2026-02-03T00:00:00.000Z","n":3}');
  });
});

describe('headers', () => {
  test('are those of the caller, with our defaults', async () => {
    await using server = await site();
    await ask(local({ url: `${server.origin}/`, headers: { Accept: 'text/csv', 'X-Tenant': 'ä' } }));
    expect(server.heard[0]?.headers).toEqual({
      accept: 'text/csv',
      'accept-encoding': 'identity',
      connection: 'close',
      host: `127.0.0.1:${server.port}`,
      'user-agent': 'sluice',
      'x-tenant': 'ä',
    });
  });

  test('of a function are made for each run', async () => {
    await using server = await site();
    const runs: ToolRun[] = [];
    const headers = async (run: ToolRun) => {
      runs.push(run);
      return { authorization: `Bearer token-${runs.length}` };
    };
    const tool = local({ url: `${server.origin}/`, headers });
    await ask(tool);
    await ask(tool);
    expect(server.heard.map(({ headers: got }) => got.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ]);
    expect(runs.map(({ callId }) => typeof callId)).toEqual(['string', 'string']);
  });

  test.each([
    [
      'a line break',
      { 'x-a': 'b\r\nx-evil: c' },
      'headers.x-a contains a character that a header cannot hold',
    ],
    ['a zero', { 'x-a': 'b\0' }, 'headers.x-a contains a character that a header cannot hold'],
    [
      'a character outside of Latin-1',
      { 'x-a': '€' },
      'headers.x-a contains a character that a header cannot hold',
    ],
    ['a name with a line break', { 'x\r\ny': 'b' }, String.raw`headers: "x\r\ny" is not a name of a header`],
    ['an empty name', { '': 'b' }, 'headers: "" is not a name of a header'],
    ['a host', { Host: 'evil.test' }, 'headers.host cannot be set, because it says how the request is sent'],
    [
      'a length',
      { 'content-length': '1' },
      'headers.content-length cannot be set, because it says how the request is sent',
    ],
    ['a number', { 'x-a': 1 }, 'headers.x-a is not a string'],
  ])('with %s are refused when they are given', async (_what, headers, why) => {
    expect(refusal({ headers })).toBe(`httpTool(): ${why}.`);
    const made = () => Promise.resolve(Object.assign(Object.create(null), headers));
    const { said } = await ask(local({ url: 'http://127.0.0.1:9/', headers: made }));
    expect(said).toBe(`error The tool failed: httpTool(): ${why}.`);
  });
});

describe('the idempotency key', () => {
  /** The headers that a server gets of a turn. */
  async function headersIn(turnId: string, options: Partial<Parameters<typeof local>[0]>) {
    await using server = await site();
    const model = scripted([calling(['http', {}]), 'Ok.']);
    const pipeline = new Pipeline([
      tools([local({ url: `${server.origin}/`, ...options })]),
      provider(model),
    ]);
    await pipeline.executeWithContext('orders', 'user', 'Go on.', { turnId });
    return server.heard[0]?.headers;
  }

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('is sent by %s', async (method) => {
    let key: string | undefined;
    const headers = (run: ToolRun) => {
      key = run.idempotencyKey;
      return {};
    };
    const sent = await headersIn('order-7', { method, headers });
    expect(key).toMatch(/^order-7\/c/);
    expect(sent?.['idempotency-key']).toBe(key);
  });

  test.each(['GET', 'HEAD'] as const)('is not sent by %s', async (method) => {
    expect(await headersIn('order-7', { method })).not.toHaveProperty('idempotency-key');
  });

  test('is escaped if a header cannot hold it', async () => {
    const sent = await headersIn('ä 100%', { method: 'POST' });
    expect(sent?.['idempotency-key']).toMatch(/^%C3%A4%20100%25\/c/);
  });
});

test.each([
  ['GET', undefined, true],
  ['HEAD', undefined, true],
  ['POST', undefined, false],
  ['PUT', true, true],
  ['GET', false, false],
] as const)('%s with idempotent %s is idempotent: %s', (method, given, idempotent) => {
  const { onUnknownOutcome } = tool({ name: 'other', description: 'Other', input: ANY, idempotent });
  expect(local({ url: 'http://127.0.0.1/', method, idempotent: given })).toMatchObject({ onUnknownOutcome });
});

test('a certificate is checked by the name of the host', async () => {
  const certificate = await makeCertificate();
  await using server = await site(undefined, { certificate });
  const lookup = () => Promise.resolve(['127.0.0.1']);
  const by = (host: string) =>
    ask(local({ url: `https://${host}:${server.port}/`, allowHttp: false, lookup }));
  expect((await by('localhost')).said).toMatch(/cannot be reached \(\w*(SELF_SIGNED|UNABLE)\w*\)\.$/);
  using _trusted = trust(certificate);
  expect((await by('localhost')).said).toBe('ok {"ok":true}');
  expect((await by('127.0.0.1')).said).toBe('ok {"ok":true}');
  expect((await by('other.test')).said).toMatch(/cannot be reached \(ERR_TLS_CERT_ALTNAME_INVALID\)\.$/);
  expect(server.heard.length).toBe(2);
});

describe('a function of the caller', () => {
  const failing: [string, Partial<Parameters<typeof local>[0]>][] = [
    ['url', { url: () => fail() }],
    ['url, async', { url: async () => fail() }],
    ['headers', { headers: () => fail() }],
    ['headers, async', { headers: async () => fail() }],
  ];
  const fail = (): never => {
    throw new RangeError('No such tenant.');
  };

  test.each(failing)('that fails is an error for the model, like execute: %s', async (_name, options) => {
    await using server = await site();
    const tool = local({ url: server.origin, hosts: [`127.0.0.1:${server.port}`], ...options });
    expect((await ask(tool)).said).toBe('error The tool failed: No such tenant.');
    expect(server.connections()).toBe(0);
  });

  test('that fails to look a host up names no address', async () => {
    const lookup = () => fail();
    const { said } = await ask(local({ url: 'http://api.test/', lookup }));
    expect(said).toBe('error The tool failed: The host api.test cannot be reached.');
  });

  test('may make the URL later', async () => {
    await using server = await site();
    const url = async (input: unknown) => new URL(`/${Object.keys(Object(input)).join()}`, server.origin);
    await ask(local({ url, hosts: [`127.0.0.1:${server.port}`] }), { a: 1 });
    expect(server.heard[0]?.url).toBe('/a');
  });
});

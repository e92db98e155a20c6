import { httpTool } from 'sluice/middleware/http-tool';
import type { Tool } from 'sluice/middleware/tools';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { ask, local, refusal, site } from './stage.ts';

describe('options that cannot work are refused', () => {
  const url = (text: unknown) => ({ url: text });
  test.each<[string, object, string]>([
    [
      'a path alone',
      url('/cities'),
      'url is not a whole URL: give one such as https://api.example.com/cities/{city}',
    ],
    ['no URL', url(undefined), 'url is undefined: give a URL or a function'],
    ['http', url('http://example.com/'), 'url cannot be requested: it is http:, and only https: is allowed'],
    ['a file', url('file:///etc/passwd'), 'url cannot be requested: it is file:, and only https: is allowed'],
    [
      'a file, with http',
      { ...url('file:///etc/passwd'), allowHttp: true },
      'url cannot be requested: it is file:, and only https: is allowed',
    ],
    [
      'a password',
      url('https://ada:pw@example.com/'),
      'url cannot be requested: it holds a user name or a password',
    ],
    [
      'another host',
      { hosts: ['api.example.com'] },
      'url cannot be requested: the host example.com is not allowed',
    ],
    [
      'a parameter in the host',
      url('https://{host}.example.com/'),
      'url: it has a parameter in its host: give a function and hosts',
    ],
    [
      'a parameter in the query',
      url('https://example.com/?q={q}'),
      'url: it has a parameter in its query: put it into the path',
    ],
    [
      'a lone brace',
      url('https://example.com/{a'),
      'url: it has a brace that is not part of a parameter such as {city}',
    ],
    [
      'a parameter that the input does not have',
      url('https://example.com/{city}'),
      'url has the parameter {city}, but input has no property with this name',
    ],
    [
      'a function without hosts',
      url(() => 'https://example.com/'),
      'url is a function: say in hosts which hosts it may give',
    ],
    [
      'a wrong host',
      { hosts: ['https://example.com'] },
      'hosts.0 is a string: give a host such as api.example.com, *.example.com or *',
    ],
    [
      'a star inside a host',
      { hosts: ['api.*.com'] },
      'hosts.0 is a string: give a host such as api.example.com, *.example.com or *',
    ],
    ['no hosts', { hosts: [] }, 'hosts is an array: give one that is not empty'],
    [
      'another method',
      { method: 'TRACE' },
      'method is a string: give "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE"',
    ],
    [
      'no room for a response',
      { maxResponseBytes: 0 },
      'maxResponseBytes is a number: give a number of at least 1',
    ],
  ])('%s', (_what, options, why) => {
    expect(refusal(options)).toBe(`httpTool(): ${why}.`);
  });

  test.each<[string, object, string]>([
    [
      'execute',
      { execute: () => 1 },
      'httpTool(): execute is a function: take it out, because it sends the request itself.',
    ],
    ['an unknown option', { retries: 1 }, 'tool(): retries is not an option'],
    ['a wrong name', { name: 'a b' }, 'tool(): the name of a tool is'],
  ])('%s', (_what, options, why) => {
    expect(refusal(options)).toContain(why);
  });
});

describe('hosts', () => {
  const make = (hosts: string[], url: string) => refusal({ hosts, url });
  test.each([
    [['example.com'], 'https://example.com/', true],
    [['example.com'], 'https://EXAMPLE.com/', true],
    [['EXAMPLE.com'], 'https://example.com:443/', true],
    [['example.com'], 'https://example.com:8443/', false],
    [['example.com:8443'], 'https://example.com:8443/', true],
    [['example.com:8443'], 'https://example.com/', false],
    [['example.com'], 'https://api.example.com/', false],
    [['example.com'], 'https://example.com.evil.test/', false],
    [['example.com'], 'https://example.com./', false],
    [['*.example.com'], 'https://api.example.com/', true],
    [['*.example.com'], 'https://a.b.example.com/', true],
    [['*.example.com'], 'https://example.com/', false],
    [['*.example.com'], 'https://evilexample.com/', false],
    [['*.example.com:8443'], 'https://api.example.com:8443/', true],
    [['*'], 'https://anything.test/', true],
    [['*'], 'https://anything.test:22/', false],
    [['bücher.example'], 'https://xn--bcher-kva.example/', true],
  ])('%j, %s: %s', (hosts, url, accepted) => {
    expect(make(hosts, url) === 'accepted').toBe(accepted);
  });

  test('hold for a URL that the input makes', async () => {
    await using server = await site();
    const tool = local({ url: (given) => String(Object(given).url), hosts: [`127.0.0.1:${server.port}`] });
    const said = async (url: string) => (await ask(tool, { url })).said;
    expect(await said(`${server.origin}/a`)).toBe('ok {"ok":true}');
    expect(await said(`http://localhost:${server.port}/`)).toBe(
      `error The tool failed: The URL cannot be requested: the host localhost:${server.port} is not allowed.`,
    );
    expect(await said(`http://127.0.0.1:${server.port}@evil.test/`)).toMatch(/a user name or a password/);
    expect(await said('gopher://127.0.0.1/')).toMatch(/only https: is allowed/);
    expect(await said('nonsense')).toBe('error The tool failed: url gave no URL.');
    expect(server.heard.map(({ url }) => url)).toEqual(['/a']);
  });
});

test('the types of the input are inferred', () => {
  const made = httpTool({
    name: 'weather',
    description: 'Weather',
    input: z.object({ city: z.string() }),
    url: ({ city }) => {
      expectTypeOf(city).toEqualTypeOf<string>();
      return `https://example.com/${city}`;
    },
    hosts: ['example.com'],
  });
  expectTypeOf(made).toEqualTypeOf<Tool<{ city: string }>>();
});

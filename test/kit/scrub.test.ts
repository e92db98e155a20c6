import * as fc from 'fast-check';
import { asModelName, asRequestId, scrub } from 'sluice/kit';
import { describe, expect, test } from 'vitest';

const KEY = 'canary/key+0123456789=Zz';
const units = (one: (code: number) => string): string =>
  Array.from(KEY, (character) => one(character.charCodeAt(0))).join('');
const hex = (code: number): string => code.toString(16).padStart(2, '0');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('S1 a secret is found', () => {
  test.each([
    ['as it is', KEY],
    ['in capitals', KEY.toUpperCase()],
    ['as JSON', JSON.stringify(KEY).slice(1, -1)],
    ['escaped as JSON allows it', units((code) => `\\u00${hex(code)}`)],
    ['escaped at its first character', `\\u0063${KEY.slice(1)}`],
    ['escaped in JSON within JSON', units((code) => `\\\\u00${hex(code)}`)],
    ['with slashes escaped', KEY.replaceAll('/', '\\/')],
    ['encoded for an address', encodeURIComponent(KEY)],
    ['encoded for an address at each character', units((code) => `%${hex(code)}`)],
    ['encoded twice', encodeURIComponent(encodeURIComponent(KEY))],
    ['in numbers of HTML', units((code) => `&#${code};`)],
    ['in hexadecimal numbers of HTML', units((code) => `&#x${hex(code)};`)],
    ['in base64', base64(KEY)],
    ['in base64 after a user', base64(`user:${KEY}`)],
    ['in base64 after a longer user', base64(`somebody:${KEY}`)],
    ['in base64url', Buffer.from(`api:${KEY}`).toString('base64url')],
    ['cut off', KEY.slice(0, 14)],
  ])('%s', (_how, spelled) => {
    const clean = scrub(`before <${spelled}> after`, [KEY]);
    expect(clean).toContain('***');
    expect(clean).not.toContain(spelled.slice(4, -4));
    expect(clean).toMatch(/^before </);
    expect(clean).toMatch(/> after$/);
  });

  test('wherever it stands among other words, and as often as it does', () => {
    const words = fc.array(fc.constantFrom('a', ' ', '"', '\\', '%', '&', '{', ':', '/', KEY), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(words, (pieces) => {
        expect(scrub(pieces.join(''), [KEY])).not.toContain('canary');
      }),
    );
  });

  test('if it is one character longer than what is found whole', () => {
    expect(scrub('0123456789abcdefg', ['0123456789abcdefg'])).toBe('***');
    expect(scrub('0123456789abcdef', ['0123456789abcdef'])).toBe('***');
    expect(scrub('0123456789abcde', ['0123456789abcdef'])).toBe('0123456789abcde');
  });
});

test.each([
  ['sk-proj-abcdefghijkl', '***'],
  ['Incorrect API key provided: sk-ab********wxyz.', 'Incorrect API key provided: ***'],
  ['gsk_abcdefgh12345678', '***'],
  ['ghp_abcdefgh12345678', '***'],
  ['github_pat_11ABCDEFG0123456789_abc', '***'],
  ['glpat-abcdefgh12345', '***'],
  ['xoxb-123456789012-abc', '***'],
  ['AKIAIOSFODNN7EXAMPLE', '***'],
  ['AIzaSyA0123456789012345678901234', '***'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', '***'],
  ['authorization: Bearer abcdefgh12345', 'authorization: ***'],
  ['Basic dXNlcjpwYXNzd29yZA==', '***'],
  ['https://user:hunter2@example.com/v1', 'https://user:***@example.com/v1'],
  ['https://example.com/?api_key=abcdef&x=1', 'https://example.com/?api_key=***&x=1'],
  ['{"api_key": "abcdefgh-1234"}', '{"api_key": "***"}'],
])('S1 what looks like a key is replaced: %s', (text, clean) => {
  expect(scrub(text)).toBe(clean);
});

test.each([
  'The model gpt-5-mini does not exist.',
  'Basic authentication is required.',
  'See https://example.com/errors?page=2 for more.',
  'You asked for max_tokens: 4096, sk- is how keys begin.',
  'x-api-key header is required',
])('leaves a text without keys alone: %s', (text) => {
  expect(scrub(text, [KEY])).toBe(text);
});

test.each(['\\', '%', 'a', 'sk-', '://', 'Bearer ', 'eyJ', 'api_key ', '&#0', 'Basic a'])(
  'takes linear time, even for what almost is a key: %j',
  (unit) => {
    // If it were quadratic, this would take minutes.
    const text = `${unit.repeat(100_000)} end`;
    expect(scrub(text, [KEY, 'a'.repeat(40)])).toMatch(/ end$/);
  },
);

test('S1 an id or a name is taken only if it is shaped like one and holds no key', () => {
  const kept = ['req_011CSHoEeqs5C35K2UUqR7Fy', '8f2c-FRA', 'a.b:c'];
  expect(kept.map((id) => asRequestId(id))).toEqual(kept);
  for (const id of [
    '',
    'my secret question',
    'a'.repeat(129),
    'sk-canary-0123456789',
    '\u202Eabc',
    7,
    undefined,
  ])
    expect(asRequestId(id), String(id)).toBeUndefined();
  expect(asRequestId('id-canary-id', ['canary'])).toBeUndefined();
  const models = [
    'gpt-5-mini',
    'us.anthropic.claude-opus-5-5-v1:0',
    'org/model@fp8',
    '/models/a.gguf',
    '~auto',
  ];
  expect(models.map((name) => asModelName(name))).toEqual(models);
  for (const name of ['', 'my secret question', 'sk-canary-0123456789', '\u001b[2J', null])
    expect(asModelName(name), String(name)).toBeUndefined();
});

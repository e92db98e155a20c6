import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPack, parsePack } from 'sluice/conversation';
import { refusal } from '../cases/refusal.ts';
import { optional, packJson, required } from './packs.ts';
import type { Json } from './packs.ts';

describe('what a pack keeps', () => {
  test('unknown fields stay where they are, at every level', () => {
    const json = packJson(
      {
        variables: [{ ...required('name'), binding: { kind: 'session' } }],
        parameters: { temperature: 0.5, seed: 7 },
        media: { enabled: true },
        validators: [{ type: 'max_length', extensions: { 'acme/x': 1 } }],
        tool_policy: { acme: true },
        model_overrides: { 'gpt-4': { acme: 1 } },
      },
      {
        $schema: 'https://promptpack.org/schema/v1/promptpack.schema.json',
        workflow: { version: 1 },
        metadata: { domain: 'support', acme: [1] },
        tools: { look: { name: 'look', description: 'Looks.', action_scope: { effect: 'read' } } },
        template_engine: { version: 'v1', syntax: '{{variable}}', acme: true },
      },
    );
    const parsed = parsePack(json);
    expect(parsed).toMatchObject(json);
  });

  test('missing fields get the defaults of the specification', () => {
    const { prompts } = parsePack(
      packJson({
        variables: [{ name: 'city', type: 'string' }],
        tool_policy: {},
        validators: [{ type: 'banned_words' }, { type: 'max_length', enabled: false }],
      }),
    );
    expect(prompts['chat']?.variables?.[0]?.required).toBe(false);
    expect(prompts['chat']?.tool_policy).toEqual({
      tool_choice: 'auto',
      max_rounds: 5,
      max_tool_calls_per_turn: 10,
    });
    expect(prompts['chat']?.validators?.map(({ enabled }) => enabled)).toEqual([true, false]);
  });

  test('a parsed pack may be parsed again', () => {
    const once = parsePack(packJson({ variables: [{ name: 'city', type: 'string' }], tool_policy: {} }));
    expect(parsePack(once)).toEqual(once);
  });

  test('S9 a pack with __proto__ in it pollutes nothing', () => {
    const text = JSON.stringify(packJson()).replace(/\}$/, ',"__proto__":{"polluted":1}}');
    const parsed = parsePack(JSON.parse(text));
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Reflect.get(parsed, 'polluted')).toBeUndefined();
  });
});

const wrong: [what: string, json: unknown, message: string][] = [
  ['a text instead of the JSON', '{}', 'Pack: what was given is a string: give an object.'],
  ['nothing', undefined, 'Pack: what was given is undefined: give an object.'],
  ['no id', packJson({}, { id: undefined }), 'Pack: id is undefined: give a string.'],
  [
    'an id in capital letters',
    packJson({}, { id: 'Hello' }),
    'Pack: id is a string: give an id of lowercase letters, digits and - that begins with a letter.',
  ],
  [
    'an invalid version',
    packJson({}, { version: '1' }),
    'Pack: version is a string: give a semantic version such as "1.0.0".',
  ],
  [
    'no template engine',
    packJson({}, { template_engine: undefined }),
    'Pack: template_engine is undefined: give an object.',
  ],
  [
    'a syntax without delimiters',
    packJson({}, { template_engine: { version: 'v1', syntax: 'variable' } }),
    'Pack: template_engine.syntax is not supported: give a name between delimiters, such as "{{variable}}".',
  ],
  ['no prompts', packJson({}, { prompts: {} }), 'Pack: prompts is an object: give at least one prompt.'],
  ['prompts as an array', packJson({}, { prompts: [] }), 'Pack: prompts is an array: give an object.'],
  [
    'a prompt without a template',
    packJson({ system_template: undefined }),
    'Pack: prompts.chat.system_template is undefined: give a string.',
  ],
  [
    'a prompt with an empty template',
    packJson({ system_template: '' }),
    'Pack: prompts.chat.system_template is a string: give one that is not empty.',
  ],
  [
    'a variable without a type',
    packJson({ variables: [required('a'), { name: 'b', required: true }] }),
    'Pack: prompts.chat.variables.1.type is undefined: give a string.',
  ],
  [
    'a variable with an invalid name',
    packJson({ variables: [required('a-b')] }),
    'Pack: prompts.chat.variables.0.name is a string: give a name of letters, digits and _ that does not begin with a digit.',
  ],
  [
    'two variables with the same name',
    packJson({ variables: [required('a'), optional('a')] }),
    'Pack: prompts.chat.variables.1.name is a string: give a name that no other variable of the prompt has.',
  ],
  [
    'a default of another type',
    packJson({ variables: [optional('a', { type: 'number', default: '5' })] }),
    'Pack: prompts.chat.variables.0.default is a string: give a number.',
  ],
  [
    'a default that breaks its own rules',
    packJson({ variables: [optional('a', { default: 'red', validation: { enum: ['blue'] } })] }),
    'Pack: prompts.chat.variables.0.default is a string: give one of "blue".',
  ],
  [
    'defaults that break their own rules, one of each kind',
    packJson({
      variables: [
        optional('a', { default: 'A1', validation: { pattern: '^[a-z]+$' } }),
        optional('b', { default: 'b', validation: { min_length: 2 } }),
        optional('c', { default: 'ccc', validation: { max_length: 2 } }),
        optional('d', { type: 'number', default: 0, validation: { minimum: 1 } }),
        optional('e', { type: 'number', default: 3, validation: { maximum: 2 } }),
        optional('f', { type: 'boolean', default: 'true' }),
        optional('g', { type: 'object', default: [] }),
        optional('h', { type: 'array', default: {} }),
      ],
    }),
    'Pack: prompts.chat.variables.0.default is a string: give one that matches ^[a-z]+$; ' +
      'prompts.chat.variables.1.default is a string: give at least 2 characters; ' +
      'prompts.chat.variables.2.default is a string: give at most 2 characters; ' +
      'prompts.chat.variables.3.default is a number: give a number of at least 1; ' +
      'prompts.chat.variables.4.default is a number: give a number of at most 2; ' +
      'prompts.chat.variables.5.default is a string: give true or false; ' +
      'prompts.chat.variables.6.default is an array: give an object; ' +
      'prompts.chat.variables.7.default is an object: give an array.',
  ],
  ...['string', 'number', 'boolean', 'object', 'array', 'date'].map((type): [string, unknown, string] => [
    `a default of null for a variable of type ${type}`,
    packJson({ variables: [optional('a', { type, default: null })] }),
    'Pack: prompts.chat.variables.0.default is null: leave it out if there is no default.',
  ]),
  [
    'an empty enum',
    packJson({ variables: [optional('a', { validation: { enum: [] } })] }),
    'Pack: prompts.chat.variables.0.validation.enum is an array: ' +
      'give at least one value that is of type string and satisfies the other rules.',
  ],
  [
    'an enum whose values all have another type or break another rule',
    packJson({
      variables: [
        optional('a', { type: 'number', validation: { enum: ['1', '2', 30], maximum: 20 } }),
        optional('b', { validation: { enum: ['x', null] } }),
      ],
    }),
    'Pack: prompts.chat.variables.0.validation.enum is an array: ' +
      'give at least one value that is of type number and satisfies the other rules.',
  ],
  [
    'bounds that no value satisfies',
    packJson({
      variables: [optional('a', { validation: { min_length: 3, max_length: 2, minimum: 1, maximum: 0 } })],
    }),
    'Pack: prompts.chat.variables.0.validation.max_length is a number: give a number of at least 3; ' +
      'prompts.chat.variables.0.validation.maximum is a number: give a number of at least 1.',
  ],
  [
    'half a surrogate pair in a template or a fragment',
    packJson({ system_template: 'cut \uD83D' }, { fragments: { tone: '\uDE00 cut' } }),
    'Pack: prompts.chat.system_template is a string: give well-formed text: it contains half a surrogate pair; ' +
      'fragments.tone is a string: give well-formed text: it contains half a surrogate pair.',
  ],
  [
    'a pattern that is not a regular expression',
    packJson({ variables: [required('a', { validation: { pattern: '(' } })] }),
    'Pack: prompts.chat.variables.0.validation.pattern is a string: give a regular expression.',
  ],
  ...['\\-', '^[a-z]{2', '^\\p{Letter$', '\\u{1F600', '[\\w-.]', '}', '\\k<a>'].map(
    (pattern): [string, unknown, string] => [
      `the pattern ${pattern}, which is valid without the flag u only`,
      packJson({ variables: [required('a', { validation: { pattern } })] }),
      'Pack: prompts.chat.variables.0.validation.pattern is a string: give a regular expression that is valid ' +
        'with the flag u: escape only the characters that need it, such as { and }.',
    ],
  ),
  [
    'a temperature out of range',
    packJson({ parameters: { temperature: 3 } }),
    'Pack: prompts.chat.parameters.temperature is a number: give a number of at most 2.',
  ],
  [
    'parameters of an override',
    packJson({ model_overrides: { m: { parameters: { max_tokens: 0 } } } }),
    'Pack: prompts.chat.model_overrides.m.parameters.max_tokens is a number: give a number of at least 1.',
  ],
  [
    'a fragment that is not a text',
    packJson({}, { fragments: { a: 1 } }),
    'Pack: fragments.a is a number: give a string.',
  ],
  [
    'a policy out of range',
    packJson({ tool_policy: { tool_choice: 'any' } }),
    'Pack: prompts.chat.tool_policy.tool_choice is a string: give "auto" or "required" or "none".',
  ],
  [
    'a validator without a type',
    packJson({ validators: [{ enabled: true }] }),
    'Pack: prompts.chat.validators.0.type is undefined: give a string.',
  ],
  [
    'a tool without a description',
    packJson({}, { tools: { look: { name: 'look' } } }),
    'Pack: tools.look.description is undefined: give a string.',
  ],
  [
    'a tool whose parameters are not an object schema',
    packJson(
      {},
      { tools: { look: { name: 'look', description: 'x', parameters: { type: 'string', properties: {} } } } },
    ),
    'Pack: tools.look.parameters.type is a string: give "object".',
  ],
  [
    'several problems at once',
    packJson({ name: '', version: 1 }),
    'Pack: prompts.chat.name is a string: give one that is not empty; prompts.chat.version is a number: give a string.',
  ],
];

describe('the error for a wrong pack names the path of the problem', () => {
  test.each(wrong)('%s', async (_what, json, message) => {
    expect(await refusal(() => parsePack(json))).toBe(`invalid_options: ${message}`);
  });
});

describe('loadPack', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-pack-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  }

  test('reads a file by path or URL, with or without a byte order mark', async () => {
    const text = JSON.stringify(packJson());
    const path = await file('a.pack.json', text);
    expect(await loadPack(path)).toEqual(parsePack(packJson()));
    expect(await loadPack(pathToFileURL(path))).toEqual(parsePack(packJson()));
    expect(await loadPack(await file('b.pack.json', `\uFEFF${text}`))).toEqual(parsePack(packJson()));
  });

  test('refuses a file that is not in UTF-8, and names the first wrong byte', async () => {
    const json = JSON.stringify(packJson({ system_template: 'Sprich \uFFFD höflich' }));
    const genuine = await loadPack(await file('u.pack.json', json));
    expect(genuine.prompts['chat']?.system_template).toBe('Sprich \uFFFD höflich');
    const before = Buffer.byteLength(json.slice(0, json.indexOf('ö')));
    const [head, tail] = [Buffer.from(json.slice(0, json.indexOf('ö'))), Buffer.from('flich"}}}')];
    const wrongs: [what: string, bytes: number[]][] = [
      ['ö in Latin-1', [0xf6]],
      ['é in Latin-1, which begins a sequence of three', [0xe9]],
      ['an incomplete sequence', [0xef, 0xbf]],
      ['a character of four bytes without the last one', [0xf0, 0x9f, 0x98]],
      ['a byte that cannot begin a character', [0x80]],
      ['an overlong slash', [0xc0, 0xaf]],
      ['half a surrogate pair', [0xed, 0xa0, 0xbd]],
    ];
    for (const [what, bytes] of wrongs) {
      const path = await file('w.pack.json', Buffer.concat([head, Buffer.from(bytes), tail]));
      expect(await refusal(() => loadPack(path)), what).toBe(
        `invalid_options: loadPack(): the file ${path} is not in UTF-8 (at byte ${before}): save it in UTF-8.`,
      );
    }
    const cut = await file('x.pack.json', Buffer.concat([Buffer.from('\uFEFF'), head, Buffer.from([0xc3])]));
    expect(await refusal(() => loadPack(cut))).toContain(`is not in UTF-8 (at byte ${before + 3})`);
  });

  test('recognizes a file in UTF-16, with or without a byte order mark', async () => {
    const json = JSON.stringify(packJson());
    const little = Buffer.from(json, 'utf16le');
    const big = Buffer.from(little).swap16();
    const files = [
      Buffer.concat([Buffer.from([0xff, 0xfe]), little]),
      Buffer.concat([Buffer.from([0xfe, 0xff]), big]),
      little,
      big,
    ];
    for (const bytes of files) {
      const path = await file('y.pack.json', bytes);
      expect(await refusal(() => loadPack(path))).toBe(
        `invalid_options: loadPack(): the file ${path} is in UTF-16: save it in UTF-8.`,
      );
    }
  });

  test('names a file that does not exist', async () => {
    const path = join(folder, 'none.pack.json');
    expect(await refusal(() => loadPack(path))).toBe(
      `invalid_options: loadPack(): the file ${path} cannot be read: give the path of a file, relative to the working directory, or a file: URL.`,
    );
  });

  test('names the file, and the path of the problem in it', async () => {
    const json: Json = packJson({ system_template: 5 });
    const path = await file('c.pack.json', JSON.stringify(json));
    expect(await refusal(() => loadPack(path))).toBe(
      `invalid_options: loadPack(): the file ${path}: Pack: prompts.chat.system_template is a number: give a string.`,
    );
  });

  test('S17 gives the position in a file that is not valid JSON, and does not quote the file', async () => {
    const path = await file('d.pack.json', '{"secret": "the prompt" "x"}');
    expect(await refusal(() => loadPack(path))).toBe(
      `invalid_options: loadPack(): the file ${path} is not valid JSON at position 24: fix it.`,
    );
    const error: unknown = await loadPack(await file('e.pack.json', 'the prompt')).catch(
      (one: unknown) => one,
    );
    expect(error).toMatchObject({ code: 'invalid_options' });
    expect(inspect(error)).not.toContain('the prompt');
  });
});

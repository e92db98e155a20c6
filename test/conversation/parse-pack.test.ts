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
  test('fields that are not known stay where they were, at every level', () => {
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

  test('what the specification gives a default for has it', () => {
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
  ['a text in place of the JSON', '{}', 'Pack: what was given is string: give an object.'],
  ['nothing', undefined, 'Pack: what was given is undefined: give an object.'],
  ['no id', packJson({}, { id: undefined }), 'Pack: id is undefined: give a string.'],
  [
    'an id in capitals',
    packJson({}, { id: 'Hello' }),
    'Pack: id is string: give an id of lower-case letters, digits and -, beginning with a letter.',
  ],
  [
    'a version that is none',
    packJson({}, { version: '1' }),
    'Pack: version is string: give a semantic version such as "1.0.0".',
  ],
  [
    'no template engine',
    packJson({}, { template_engine: undefined }),
    'Pack: template_engine is undefined: give an object.',
  ],
  [
    'a syntax without delimiters',
    packJson({}, { template_engine: { version: 'v1', syntax: 'variable' } }),
    'Pack: template_engine.syntax is not known: give one such as "{{variable}}": a name between braces.',
  ],
  ['no prompts', packJson({}, { prompts: {} }), 'Pack: prompts is object: give at least one prompt.'],
  ['prompts as an array', packJson({}, { prompts: [] }), 'Pack: prompts is array: give an object.'],
  [
    'a prompt without a template',
    packJson({ system_template: undefined }),
    'Pack: prompts.chat.system_template is undefined: give a string.',
  ],
  [
    'a prompt with an empty template',
    packJson({ system_template: '' }),
    'Pack: prompts.chat.system_template is string: give one that is not empty.',
  ],
  [
    'a variable without a type',
    packJson({ variables: [required('a'), { name: 'b', required: true }] }),
    'Pack: prompts.chat.variables.1.type is undefined: give a string.',
  ],
  [
    'a variable whose name is none',
    packJson({ variables: [required('a-b')] }),
    'Pack: prompts.chat.variables.0.name is string: give a name of letters, digits and _, not beginning with a digit.',
  ],
  [
    'a variable twice',
    packJson({ variables: [required('a'), optional('a')] }),
    'Pack: prompts.chat.variables.1.name is there twice: take one of them out.',
  ],
  [
    'a default of another type',
    packJson({ variables: [optional('a', { type: 'number', default: '5' })] }),
    'Pack: prompts.chat.variables.0.default: what was given is string: give a number.',
  ],
  [
    'a default that its own rules refuse',
    packJson({ variables: [optional('a', { default: 'red', validation: { enum: ['blue'] } })] }),
    'Pack: prompts.chat.variables.0.default: what was given is string: give one of "blue".',
  ],
  [
    'a pattern that is no regular expression',
    packJson({ variables: [required('a', { validation: { pattern: '(' } })] }),
    'Pack: prompts.chat.variables.0.validation.pattern is string: give a regular expression.',
  ],
  [
    'a temperature out of range',
    packJson({ parameters: { temperature: 3 } }),
    'Pack: prompts.chat.parameters.temperature is number: give a number of at most 2.',
  ],
  [
    'parameters of an override',
    packJson({ model_overrides: { m: { parameters: { max_tokens: 0 } } } }),
    'Pack: prompts.chat.model_overrides.m.parameters.max_tokens is number: give a number of at least 1.',
  ],
  [
    'a fragment that is no text',
    packJson({}, { fragments: { a: 1 } }),
    'Pack: fragments.a is number: give a string.',
  ],
  [
    'a policy out of range',
    packJson({ tool_policy: { tool_choice: 'any' } }),
    'Pack: prompts.chat.tool_policy.tool_choice is string: give "auto" or "required" or "none".',
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
    'a tool whose parameters are no object schema',
    packJson(
      {},
      { tools: { look: { name: 'look', description: 'x', parameters: { type: 'string', properties: {} } } } },
    ),
    'Pack: tools.look.parameters.type is string: give "object".',
  ],
  [
    'several faults at once',
    packJson({ name: '', version: 1 }),
    'Pack: prompts.chat.name is string: give one that is not empty; prompts.chat.version is number: give a string.',
  ],
];

describe('a wrong pack is refused with the path of what is wrong', () => {
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

  async function file(name: string, text: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  }

  test('reads a file by path or URL, with or without a byte order mark', async () => {
    const text = JSON.stringify(packJson());
    const path = await file('a.pack.json', text);
    expect(await loadPack(path)).toEqual(parsePack(packJson()));
    expect(await loadPack(pathToFileURL(path))).toEqual(parsePack(packJson()));
    expect(await loadPack(await file('b.pack.json', `\uFEFF${text}`))).toEqual(parsePack(packJson()));
  });

  test('names the file that is not there', async () => {
    const path = join(folder, 'none.pack.json');
    expect(await refusal(() => loadPack(path))).toBe(
      `invalid_options: loadPack(): the file ${path} cannot be read: give the path of a file, from the working directory, or a file: URL.`,
    );
  });

  test('names the file and the path in it that is wrong', async () => {
    const json: Json = packJson({ system_template: 5 });
    const path = await file('c.pack.json', JSON.stringify(json));
    expect(await refusal(() => loadPack(path))).toBe(
      `invalid_options: loadPack(): the file ${path}: Pack: prompts.chat.system_template is number: give a string.`,
    );
  });

  test('S17 says of a file that is no JSON where it breaks, and quotes nothing of it', async () => {
    const path = await file('d.pack.json', '{"secret": "the prompt" "x"}');
    expect(await refusal(() => loadPack(path))).toBe(
      `invalid_options: loadPack(): the file ${path} is no JSON at position 24: mend it.`,
    );
    const error: unknown = await loadPack(await file('e.pack.json', 'the prompt')).catch(
      (one: unknown) => one,
    );
    expect(error).toMatchObject({ code: 'invalid_options' });
    expect(inspect(error)).not.toContain('the prompt');
  });
});

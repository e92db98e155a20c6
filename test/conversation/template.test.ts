import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { openConversation, parsePack } from 'sluice/conversation';
import { scripted } from 'sluice/testing';
import { refusal } from '../cases/refusal.ts';
import { optional, packJson, required } from './packs.ts';
import type { Json } from './packs.ts';

/** The system prompt that the model gets. */
async function rendered(
  template: string,
  variables: Json = {},
  more: Json = {},
  pack: Json = {},
): Promise<string> {
  const model = scripted('ok');
  const parsed = parsePack(packJson({ system_template: template, ...more }, pack));
  await using conversation = openConversation({ pack: parsed, prompt: 'chat', provider: model, variables });
  await conversation.send('Hi');
  const [first] = model.requests[0]?.messages ?? [];
  return first?.role === 'system' && typeof first.content === 'string' ? first.content : '(none)';
}

const withFragments = (template: string, fragments: Json, variables: Json = {}): Promise<string> =>
  rendered(template, variables, {}, { fragments });

describe('a template', () => {
  test('gets its values, wherever and however often a name occurs', async () => {
    expect(await rendered('{{a}}{{b}} and {{ a }}!', { a: 'x', b: 'y' })).toBe('xy and x!');
  });

  test('writes numbers and booleans as they are, objects and arrays as JSON', async () => {
    const variables = { n: 1.5, yes: true, list: [1, 'a'], map: { a: { b: null } } };
    expect(await rendered('{{n}} {{yes}} {{list}} {{map}}', variables)).toBe(
      '1.5 true [1,"a"] {"a":{"b":null}}',
    );
  });

  test('adds no system message if the result is empty', async () => {
    expect(await rendered('{{a}}', {}, { variables: [optional('a')] })).toBe('(none)');
  });

  test('inserts a value once: templates in it stay text', async () => {
    const variables = { a: '{{b}} {{fragments.f}} {{f}} {{a}}', b: 'secret' };
    expect(await withFragments('[{{a}}] [{{b}}]', { f: 'fragment' }, variables)).toBe(
      '[{{b}} {{fragments.f}} {{f}} {{a}}] [secret]',
    );
  });

  test('a value that completes the braces around it does not make a name', async () => {
    const variables = [required('a'), required('b')];
    const values = { a: '{', b: 'secret' };
    expect(await rendered('{{{a}}} {{a}}{b}}', values, { variables })).toBe('{{} {{b}}');
  });

  test('keeps $ signs in a value', async () => {
    expect(await rendered('a{{x}}b', { x: "$& $1 $' $$" })).toBe("a$& $1 $' $$b");
  });

  test('treats braces without a name as text', async () => {
    const text = '{{ }} {{1a}} {{a b}} {{"a": 1}} {{}} }} {{';
    expect(await rendered(text)).toBe(text);
  });

  test.each([
    ['${variable}', '${a} $a {{a}} ${ a }', 'x $a {{a}} x'],
    ['{variable}', '{a} {"a": 1} {{a}} {a|b}', 'x {"a": 1} {x} {a|b}'],
    ['{{ var }}', '{{a}} {{ a }}', 'x x'],
    ['<<name>>', '<<a>> <a>', 'x <a>'],
  ])('is read with the syntax %s', async (syntax, template, expected) => {
    expect(await rendered(template, { a: 'x' }, {}, { template_engine: { version: 'v1', syntax } })).toBe(
      expected,
    );
  });

  test.each(['{{#if a}}x{{/if}}', '{{#each list}}', '{{^a}}', '{{> part}}', '{{a | upper}}'])(
    'with a tag of another template language is refused: %s',
    async (tag) => {
      expect(await refusal(() => parsePack(packJson({ system_template: `Hello ${tag}` })))).toMatch(
        /^invalid_options: Pack: prompts\.chat\.system_template has a tag \{\{\S.* at character 6: conditionals, loops and filters are not supported/,
      );
    },
  );

  test('keeps all texts and values (property)', async () => {
    const piece = fc.oneof(
      fc.string().map((text) => ({ text: text.replaceAll(/[{}]/g, '') })),
      fc.constantFrom('a', 'b', 'c_1').map((name) => ({ name })),
    );
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom('{{a}}', '{{', '}}', '{{fragments.f}}', '{{b}} {{c_1}}'),
    );
    const values = fc.record({ a: value, b: value, c_1: value });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1 }), values, async (pieces, given) => {
        const template = pieces.map((one) => ('text' in one ? one.text : `{{${one.name}}}`)).join('');
        fc.pre(template !== '');
        const expected = pieces
          .map((one) => ('text' in one ? one.text : Reflect.get(given, one.name)))
          .join('');
        const variables = [optional('a'), optional('b'), optional('c_1')];
        expect(await rendered(template, given, { variables }, { fragments: { f: 'x' } })).toBe(
          expected || '(none)',
        );
      }),
    );
  });
});

describe('fragments', () => {
  test('are included by their name, as in the specification', async () => {
    const fragments = { tone: 'Be kind.', 'brand-voice': 'We care.' };
    expect(
      await withFragments(
        '{{tone}} {{fragments.tone}} {{fragment:tone}} {{fragments.brand-voice}}',
        fragments,
      ),
    ).toBe('Be kind. Be kind. Be kind. We care.');
  });

  test('may contain variables and other fragments', async () => {
    const fragments = { a: '<{{b}} {{x}}>', b: '({{x}})' };
    expect(await withFragments('{{a}} {{b}}', fragments, { x: '1' })).toBe('<(1) 1> (1)');
  });

  test('yield to a declared variable with the same name', async () => {
    const more = { variables: [required('tone')] };
    expect(
      await rendered('{{tone}} {{fragments.tone}}', { tone: 'mine' }, more, {
        fragments: { tone: 'theirs' },
      }),
    ).toBe('mine theirs');
  });

  test('that do not exist are refused', async () => {
    expect(
      await refusal(() => parsePack(packJson({ system_template: '{{fragments.x}}' }, { fragments: {} }))),
    ).toBe(
      'invalid_options: Pack: prompts.chat.system_template uses the fragment x, which does not exist: add it to fragments.',
    );
    expect(
      await refusal(() =>
        parsePack(packJson({ system_template: '{{a}}' }, { fragments: { a: '{{fragment:b}}' } })),
      ),
    ).toBe(
      'invalid_options: Pack: fragments.a uses the fragment b, which does not exist: add it to fragments.',
    );
  });

  test('names that every object inherits are not fragments', async () => {
    expect(await refusal(() => rendered('{{constructor}} {{toString}}'))).toContain(
      'variables without a value (constructor, toString):',
    );
  });

  test('that include themselves are refused, and the error shows the cycle', async () => {
    const fragments = { a: 'x {{b}}', b: '{{fragments.c}}', c: '{{a}}' };
    expect(await refusal(() => parsePack(packJson({ system_template: '{{a}}' }, { fragments })))).toBe(
      'invalid_options: Pack: fragments.a includes itself (a -> b -> c -> a): remove one of these references.',
    );
    expect(
      await refusal(() => parsePack(packJson({ system_template: '{{a}}' }, { fragments: { a: '{{a}}' } }))),
    ).toBe('invalid_options: Pack: fragments.a includes itself (a -> a): remove one of these references.');
  });

  test('S10 that multiply, with or without text, are refused before they fill the memory', async () => {
    for (const last of ['x', '']) {
      const doubled = Object.fromEntries(
        Array.from({ length: 30 }, (_, n) => [`f${n}`, n === 29 ? last : `{{f${n + 1}}}{{f${n + 1}}}`]),
      );
      expect(
        await refusal(() => parsePack(packJson({ system_template: '{{f0}}' }, { fragments: doubled }))),
      ).toBe(
        'invalid_options: Pack: prompts.chat.system_template grows past 1000000 characters with its fragments: include fewer of them.',
      );
    }
  });

  test('S10 that nest too deep are refused', async () => {
    const chain = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`f${n}`, `{{f${n + 1}}}`]));
    expect(
      await refusal(() => parsePack(packJson({ system_template: '{{f0}}' }, { fragments: chain }))),
    ).toBe(
      'invalid_options: Pack: prompts.chat.system_template has fragments that nest deeper than 32 levels: nest them less.',
    );
  });
});

describe('S15 a hostile template takes at most linear time', () => {
  const size = 900_000;

  /** Counts the characters that searches read while a template is compiled. */
  function lookedAt(template: string): number {
    let looked = 0;
    const { indexOf } = String.prototype;
    const spy = vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (
      this: string,
      search,
      from = 0,
    ) {
      const at = indexOf.call(this, search, from);
      looked += (at === -1 ? this.length : at + search.length) - from;
      return at;
    });
    try {
      parsePack(packJson({ system_template: template }));
    } finally {
      spy.mockRestore();
    }
    return looked;
  }

  // Each of these would be slow for a scanner that looks back or ahead at every brace.
  test.each([
    ['only opening braces', '{'.repeat(size)],
    ['opening braces, closed at the end', `${'{'.repeat(size)}}}`],
    ['only closing braces', '}'.repeat(size)],
    ['a name that never ends', `{{${'a'.repeat(size)}`],
    ['a name that is too long', `{{${'a'.repeat(size)}}}`],
    ['spaces that never end', `{{${' '.repeat(size)}`],
    ['openings with spaces', `${'{{ '.repeat(size / 3)}}}`],
  ])('%s', async (_what, template) => {
    expect(lookedAt(template)).toBeLessThan(5 * template.length);
    expect((await rendered(template)).length).toBe(template.length);
  });

  test('a value of a million braces', async () => {
    const value = '{{a}}'.repeat(200_000);
    expect(await rendered('<{{a}}>', { a: value })).toBe(`<${value}>`);
  });
});

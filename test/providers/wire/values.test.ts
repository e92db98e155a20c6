import { describe, expect, it } from 'vitest';
import { noUsage, type Usage } from '../../../src/index.ts';
import { finishReasonOf } from '../../../providers/wire/finish-reasons.ts';
import {
  MAX_DEPTH,
  count,
  filled,
  isDeeper,
  isRecord,
  jsonText,
  text,
} from '../../../providers/wire/json.ts';
import { loadedOnce } from '../../../providers/wire/loaded-once.ts';
import { addressOf, blockData, blockFrom, originOf } from '../../../providers/wire/origin.ts';
import { rememberLast } from '../../../providers/wire/remember-last.ts';
import { mostUsage } from '../../../providers/wire/usage.ts';

/** A value within so many arrays. */
function nested(levels: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe('a value of JSON', () => {
  it('is a record only as an object that is not an array', () => {
    expect([{}, { a: 1 }, [], null, 'x', 1, undefined].map(isRecord)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('is a text, a text with characters, or a count', () => {
    expect([text('x'), text(''), text(1), text(null)]).toEqual(['x', '', undefined, undefined]);
    expect([filled('x'), filled(''), filled(1)]).toEqual(['x', undefined, undefined]);
    const numbers = [0, 1.5, -1, Infinity, NaN, '1'];
    expect(numbers.map(count)).toEqual([0, 1.5, undefined, undefined, undefined, undefined]);
  });

  it('may be nested up to a depth', () => {
    expect([0, 1, 2, 3].map((levels) => isDeeper(nested(levels), 2))).toEqual([false, false, false, true]);
    expect(isDeeper({ a: 1, b: nested(2) }, 2)).toBe(true);
    expect(isDeeper(null, 0)).toBe(false);
    expect(jsonText(nested(MAX_DEPTH))).toBe(JSON.stringify(nested(MAX_DEPTH)));
    expect(jsonText(nested(MAX_DEPTH + 1))).toBeUndefined();
  });
});

describe('two reports of usage', () => {
  const fields = [
    'inputTokens',
    'outputTokens',
    'cachedInputTokens',
    'cacheWriteTokens',
    'reasoningTokens',
  ] as const;
  const usage = (over: Partial<Usage>): Usage => ({ ...noUsage(), ...over });

  it.each(fields)('keep the larger %s', (field) => {
    for (const [before, now] of [
      [7, 3],
      [3, 7],
    ] as const) {
      const most = mostUsage(usage({ [field]: before }), usage({ [field]: now }));
      const total = field === 'inputTokens' || field === 'outputTokens' ? 7 : 0;
      expect(most).toEqual({ ...noUsage(), [field]: 7, totalTokens: total });
    }
  });

  it('have the sum of their tokens as the total, and the original of the larger one', () => {
    const large = usage({ inputTokens: 5, outputTokens: 1, totalTokens: 6, raw: 'large' });
    const small = usage({ inputTokens: 1, outputTokens: 3, totalTokens: 4, raw: 'small' });
    expect(mostUsage(large, small)).toMatchObject({ totalTokens: 8, raw: 'large' });
    expect(mostUsage(small, large)).toMatchObject({ totalTokens: 8, raw: 'large' });
    const same = usage({ totalTokens: 6, raw: 'later' });
    expect(mostUsage(large, same).raw).toBe('later');
    expect(mostUsage(undefined, small)).toBe(small);
  });
});

describe('the origin of a block', () => {
  const origin = originOf('openai.chat', 'gpt-5', 'https://user:key@example.com/v1//?key=secret#x');

  it('has the host and the path of an address, and nothing else of it', () => {
    expect(origin).toEqual({ wire: 'openai.chat', model: 'gpt-5', baseURL: 'https://example.com/v1' });
    expect([addressOf(undefined), addressOf('nowhere'), addressOf('http://a/')]).toEqual([
      undefined,
      undefined,
      'http://a',
    ]);
    expect(blockFrom(origin, 1)).toEqual({
      provider: 'openai.chat',
      model: 'gpt-5',
      baseURL: 'https://example.com/v1',
      data: 1,
    });
    expect(Object.keys(blockFrom({ ...origin, baseURL: undefined }, 1))).toEqual([
      'provider',
      'model',
      'data',
    ]);
  });

  const data = { a: 1 };
  it.each([
    [{}, { data }],
    [{ model: undefined, baseURL: undefined }, { data }],
    [{ provider: 'anthropic' }, { foreign: 'a block that belongs to anthropic is left out' }],
    [{ model: 'gpt-4' }, { foreign: 'a block that belongs to the model gpt-4 is left out' }],
    [{ baseURL: 'https://other.com' }, { foreign: 'a block that came from https://other.com is left out' }],
    [{ data: 'x' }, { foreign: 'a block without fields is left out' }],
  ])('%j decides whether it goes back', (over, expected) => {
    expect(blockData({ ...blockFrom(origin, data), ...over }, origin)).toEqual(expected);
  });

  it('does not count if the address of the client is unknown', () => {
    const unknown = { ...origin, baseURL: undefined };
    expect(blockData(blockFrom(origin, data), unknown)).toEqual({ data });
  });
});

describe('the word for a finish reason', () => {
  it.each([
    ['END_TURN', 'stop'],
    ['Max_Tokens', 'length'],
    ['whatever', 'other'],
    ['', 'other'],
  ])('%s is %s', (word, reason) => {
    expect(finishReasonOf(word)).toBe(reason);
  });
});

describe('what is made once', () => {
  it('is loaded by the first call, and again only if that failed', async () => {
    const answers = [Promise.reject(new Error('down')), Promise.resolve('one'), Promise.resolve('two')];
    let calls = 0;
    const load = loadedOnce(async () => answers[calls++]);
    const first = [load(), load()];
    await expect(first[0]).rejects.toThrow('down');
    await expect(first[1]).rejects.toThrow('down');
    expect(await Promise.all([load(), load()])).toEqual(['one', 'one']);
    expect([await load(), calls]).toEqual(['one', 2]);
  });

  it('is made again for another name than the last one', () => {
    const names: string[] = [];
    const make = rememberLast((name) => names.push(name));
    expect([make('a'), make('a'), make('b'), make('a')]).toEqual([1, 1, 2, 3]);
  });
});

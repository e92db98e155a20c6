import { describe, expect, it } from 'vitest';
import type { Message } from '../../../../src/index.ts';
import { WireIds, type IdRule } from '../../../../providers/wire/request/call-ids.ts';
import { nothingToSend } from '../../../../providers/wire/request/nothing-to-send.ts';

const named = (rule: IdRule, ...ids: string[]): string[] => {
  const wire = new WireIds(rule);
  return ids.map((id) => wire.name(id));
};

describe('the id of a call', () => {
  const anthropic: IdRule = { maxLength: 20, forbidden: /[^a-zA-Z0-9_-]/g };
  const mistral: IdRule = { maxLength: 9, exact: true };

  it('stays as it is up to its length, and is cut and told apart by a hash beyond', () => {
    expect(named(anthropic, 'a'.repeat(20))).toEqual(['a'.repeat(20)]);
    const [long, other] = named(anthropic, 'a'.repeat(21), 'a'.repeat(22));
    expect(long).toMatch(/^a{11}_[0-9a-f]{8}$/);
    expect(other).toMatch(/^a{11}_[0-9a-f]{8}$/);
    expect(other).not.toBe(long);
  });

  it('depends on the old one only', () => {
    expect(named(anthropic, 'a'.repeat(21))).toEqual(named(anthropic, 'a'.repeat(21)));
    expect(named(anthropic, 'x', 'a'.repeat(21))[1]).toBe(named(anthropic, 'a'.repeat(21))[0]);
  });

  it('loses the characters that are forbidden, and is never empty', () => {
    expect(named(anthropic, 'a.b:c', '')).toEqual(['a_b_c', 'call']);
    expect(named({ maxLength: 9 }, 'a.b:c', '')).toEqual(['a.b:c', 'call']);
    expect(named({ maxLength: 9 }, 'a\ud800')).toEqual(['a\ufffd']);
  });

  it('is not cut if the server keeps data in it', () => {
    const data = `data_${'x'.repeat(40)}`;
    expect(named({ maxLength: 20, carriesData: /^data_/ }, data)).toEqual([data]);
  });

  it('is not cut within a character', () => {
    expect(named({ maxLength: 12 }, `ab😀${'x'.repeat(20)}`)[0]).toMatch(/^ab\ufffd_[0-9a-f]{8}$/);
  });

  it('of an exact length is kept if it has that and no other characters, else it is a hash', () => {
    expect(named(mistral, 'abcDEF123')).toEqual(['abcDEF123']);
    for (const id of ['abcDEF12', 'abcDEF1234', 'abcDEF_12', ''])
      expect(named(mistral, id)[0]).toMatch(/^[0-9a-f]{9}$/);
  });

  it('is a hash with all of its digits, even if they begin with 0', () => {
    const hashes = Array.from({ length: 200 }, (_, at) =>
      new WireIds({ maxLength: 16, exact: true }).name(`${at}`),
    );
    expect(hashes.filter((hash) => !/^[0-9a-f]{16}$/.test(hash))).toEqual([]);
    expect(hashes.some((hash) => hash.startsWith('0'))).toBe(true);
    expect(new Set(hashes).size).toBe(200);
  });

  it('has the bits of cyrb53: those that its author lists for "a" and "b"', () => {
    const whole: IdRule = { maxLength: 16, exact: true };
    const numbers = named(whole, 'a', 'b').map((hash) => {
      const low = Number.parseInt(hash.slice(0, 8), 16);
      const high = Number.parseInt(hash.slice(8), 16) % 2 ** 21;
      return high * 2 ** 32 + low;
    });
    expect(numbers).toEqual([7_929_297_801_672_961, 8_684_336_938_537_663]);
  });

  it('is given once: the same id again, and one that is reserved, get others', () => {
    const wire = new WireIds(anthropic);
    wire.reserve('a');
    const names = [wire.name('a'), wire.name('a'), wire.name('b'), wire.name('b')];
    expect(new Set(['a', ...names]).size).toBe(5);
    expect(names[2]).toBe('b');
    for (const name of [names[0], names[1]]) expect(name).toMatch(/^a_[0-9a-f]{8}$/);
    expect(names[3]).toMatch(/^b_[0-9a-f]{8}$/);
  });
});

describe('a request of which nothing can be sent', () => {
  const user = (content: string): Message => ({ role: 'user', content });
  const cases: [string, Message[]][] = [
    ['messages is empty', []],
    ['messages holds only system prompts', [{ role: 'system', content: 'x' }]],
    ['messages[1].content is blank', [user('a'), user(' ')]],
    ['messages[0].content is blank', [user(' '), { role: 'system', content: 'x' }]],
    ['messages[0].content is empty', [{ role: 'user', content: [] }]],
    ['messages[0].content[0] is blank', [{ role: 'user', content: [{ type: 'text', text: ' ' }] }]],
  ];
  it.each(cases)('is an error that says: %s', (what, messages) => {
    expect(nothingToSend('p', messages)).toMatchObject({
      code: 'invalid_request',
      provider: 'p',
      message: `p: ${what}: give the model something to answer.`,
    });
  });
});

import { describe, expect, it } from 'vitest';

import { wellFormed } from 'sluice';

describe('half characters in a body', () => {
  it('become U+FFFD in every string, keys included, and nothing else is copied', () => {
    const whole = { text: 'héllo 😀', list: [1, null, true] };
    const body = { whole, half: ['a\ud83d', { ['k\ude00']: 'x\ude00y' }], empty: '' };
    const clean = wellFormed(body);
    expect(clean).toEqual({
      whole,
      half: ['a\ufffd', { ['k\ufffd']: 'x\ufffdy' }],
      empty: '',
    });
    expect(clean.whole).toBe(whole);
    expect(JSON.stringify(body.half)).toContain(String.raw`\ud83d`);
  });

  it('cost nothing if there are none: it is the same object', () => {
    const body = { messages: [{ role: 'user', content: 'Hi 👋' }], stream: true };
    expect(wellFormed(body)).toBe(body);
    expect(wellFormed('a')).toBe('a');
    expect(wellFormed([1, null, undefined])).toEqual([1, null, undefined]);
  });

  it('are found beside a key named __proto__, which stays a field', () => {
    const body: unknown = JSON.parse('{"__proto__":{"a":"x"},"b":"\\ud800"}');
    const clean = wellFormed(body);
    expect(JSON.stringify(clean)).toBe('{"__proto__":{"a":"x"},"b":"\ufffd"}');
  });

  it('are not looked for in what says itself how it is written', () => {
    const when = new Date(0);
    expect(wellFormed({ when, text: '\ud800' })).toEqual({ when, text: '\ufffd' });
  });

  it('are left in a value that contains itself, which is not data', () => {
    const circle: Record<string, unknown> = { half: 'a\ud83d' };
    circle['self'] = circle;
    expect(wellFormed(circle)).toBe(circle);
  });
});

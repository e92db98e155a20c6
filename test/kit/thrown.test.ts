import { describe, expect, test } from 'vitest';
import { SluiceError } from 'sluice';
import { callListener, kindOfThrown } from 'sluice/kit';
import { settled } from '../core/harness.ts';

describe('what was thrown is named', () => {
  test('by the name of an error, without its message', () => {
    expect(kindOfThrown(new TypeError('key sk-123'))).toBe('TypeError');
    expect(kindOfThrown(new SluiceError('store', 'key sk-123'))).toBe('SluiceError');
  });

  test('by its kind if it is not an error', () => {
    expect(kindOfThrown('key sk-123')).toBe('a string, not an Error');
    expect(kindOfThrown(null)).toBe('null, not an Error');
  });
});

describe('a listener', () => {
  function heard(call: () => unknown): string[] {
    const warnings: string[] = [];
    callListener({ warn: (message) => warnings.push(message) }, 'recorder: onFile', call);
    return warnings;
  }

  test('that returns is called once, without a warning', () => {
    let calls = 0;
    expect(heard(() => calls++)).toEqual([]);
    expect(calls).toBe(1);
  });

  test('that throws is a warning', () => {
    const warnings = heard(() => {
      throw new RangeError('key sk-123');
    });
    expect(warnings).toEqual(['recorder: onFile threw RangeError.']);
  });

  test('that rejects is a warning, and is not waited for', async () => {
    const warnings = heard(() => Promise.reject(new RangeError('key sk-123')));
    expect(warnings).toEqual([]);
    await settled();
    expect(warnings).toEqual(['recorder: onFile threw RangeError.']);
  });
});

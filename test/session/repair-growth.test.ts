import { expect, test } from 'vitest';
import type { Message, Part } from 'sluice';
import { repaired } from '../../src/session/repair.ts';

/** Parts of which each read of the type is counted. */
class Counted {
  reads = 0;

  part(part: Part): Part {
    const { type } = part;
    return Object.defineProperty({ ...part }, 'type', {
      enumerable: true,
      get: () => {
        this.reads++;
        return type;
      },
    });
  }
}

const origin = { provider: 'p', account: 'a', model: 'm' };
const hosted = (id: string): Part => ({
  type: 'provider',
  block: { ...origin, data: { type: 'server_tool_use', id } },
});
const call = (id: string): Part => ({ type: 'tool_call', id, name: 'n', arguments: {} });
const thinking = (): Part => ({ type: 'thinking', text: 'hm' });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const reply = (parts: Part[]): Message => ({ role: 'assistant', content: parts });

const shapes: [string, (count: number, counted: Counted) => Message[]][] = [
  [
    'replies in a row',
    (count, counted) => numbers(count).map((at) => reply([counted.part(hosted(`h${at}`))])),
  ],
  ['pieces of thinking', (count, counted) => [reply(numbers(count).map(() => counted.part(thinking())))]],
  [
    'thinking before many calls without a result',
    (count, counted) => [
      reply(
        [...numbers(count).map(() => thinking()), ...numbers(count).map((at) => call(`c${at}`))].map((part) =>
          counted.part(part),
        ),
      ),
    ],
  ],
  [
    'calls of the provider and of the client',
    (count, counted) => [
      reply(
        numbers(count)
          .flatMap((at) => [hosted(`h${at}`), call(`c${at}`)])
          .map((part) => counted.part(part)),
      ),
    ],
  ],
];

test.each(shapes)('R55 repairs %s with as many looks at each part, however many there are', (_, make) => {
  const looks = (count: number): number => {
    const counted = new Counted();
    repaired(make(count, counted));
    return counted.reads / count;
  };
  expect(looks(400)).toBeLessThanOrEqual(looks(40) * 1.05);
});

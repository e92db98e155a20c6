import { describe, expect, test } from 'vitest';
import { decide } from 'sluice';
import type { Message } from 'sluice';
import { memoryLog } from '../../../server/log/memory-log.ts';
import { LOG_VERBS } from '../../../server/resumable/options.ts';
import { says } from '../../core/harness.ts';
import { Stage, virtualTime } from './stage.ts';

virtualTime();

const verbs = ['open', 'append', 'read', 'stop', 'release', 'settle', 'watch', 'running', 'unowned'];

test.each(verbs)('a log without %s() is refused when it is given', (verb) => {
  expect(LOG_VERBS).toHaveLength(verbs.length);
  const log = Object.fromEntries(
    verbs.flatMap((name) => (name === verb ? [] : [[name, Reflect.get(memoryLog(), name)]])),
  );
  const make = (): unknown => new Stage().process(says('a'), { log: log as never });
  expect(make).toThrow(expect.objectContaining({ code: 'invalid_options' }));
});

describe('what is for a session', () => {
  const user: Message = { role: 'user', content: 'hi' };

  test('is refused without one', () => {
    const { runs } = new Stage().process(says('a'));
    const wrong = expect.objectContaining({ code: 'invalid_options' }) as Error;
    expect(() => runs.stream(undefined, decide({ c1: { approve: true } }))).toThrow(wrong);
    expect(() => runs.stream(undefined, 'hi', { edit: 'm1' })).toThrow(wrong);
  });

  test('and replaces a message takes one', () => {
    const { runs } = new Stage().process(says('a'));
    const edit = (messages: Message[]): unknown => runs.stream('s', messages, { edit: 'm1' });
    for (const messages of [[], [user, user]])
      expect(() => edit(messages)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    expect(() => edit([user])).not.toThrow();
  });
});

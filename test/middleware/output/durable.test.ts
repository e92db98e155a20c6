import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { mockTool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { expect, test } from 'vitest';
import * as z from 'zod';

const cities = z.object({ cities: z.array(z.string()) });

test.each(['native', 'tool', 'prompt'] as const)(
  'a turn that broke off after a tool has its output when it goes on, in mode %s, and the tool has run once',
  async (mode) => {
    const store = new MemoryStore();
    const work = mockTool('work', { answers: ['one'] });
    const run = (answers: ScriptedAnswer[]) => {
      const model = scripted(answers, {
        output: { dialect: 'openai', native: 'with-tools', tools: 'forced' },
      });
      const pipeline = new Pipeline([tools([work]), output({ mode }), provider(model)], { store });
      return pipeline.executeWithContext('s', 'user', 'Two cities', { turnId: 't', output: cities });
    };
    const broken = { error: new SluiceError('invalid_request', 'No.') };
    await expect(run([{ toolCalls: [{ name: 'work' }] }, broken])).rejects.toThrow('No.');
    const json = '{"cities":["Rome","Milan"]}';
    const answer = mode === 'tool' ? { toolCalls: [{ name: 'answer', arguments: json }] } : json;
    const { outcome, output: got } = await run([answer]);
    expect([outcome, got, work.calls.length]).toEqual(['completed', { cities: ['Rome', 'Milan'] }, 1]);
    // Sent once more, it is said again and checked again.
    const again = await run([]);
    expect([again.replayed, again.output]).toEqual([true, { cities: ['Rome', 'Milan'] }]);
  },
);

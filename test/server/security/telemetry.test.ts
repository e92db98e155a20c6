import { expect, test } from 'vitest';
import * as z from 'zod';
import { SluiceError } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import type { ScriptedAnswer } from 'sluice/testing';
import { stage } from '../http/stage.ts';

const SAID = 'canary of a user';
const TOLD = 'canary of a model';
const MADE = 'canary of a tool';

const look = tool({
  name: 'look',
  description: 'Looks it up',
  input: z.object({ what: z.string() }),
  execute: ({ what }) => {
    throw new Error(`${MADE} ${what}`);
  },
});

/** What a turn can come to. */
const ANSWERS: readonly (readonly [what: string, answers: ScriptedAnswer[]])[] = [
  ['an answer', [TOLD]],
  ['a tool that fails', [{ toolCalls: [{ id: 'c1', name: 'look', arguments: { what: TOLD } }] }, TOLD]],
  ['a provider that quotes the request', [{ error: new SluiceError('server', SAID, { cause: TOLD }) }]],
  [
    'a call of a client that gives up',
    [{ text: TOLD, error: new SluiceError('network', `${SAID} ${TOLD}`) }],
  ],
  ['an error that is not ours', [{ error: new TypeError(`${SAID} ${TOLD}`) }]],
];

test('S1 with logContent the log has the messages of errors, without keys', async () => {
  const lines: unknown[] = [];
  const write = (...line: unknown[]): void => void lines.push(line);
  const error = new SluiceError('server', `${SAID} sk-canary-0123456789abcdef`);
  const logger = { debug: write, info: write, warn: write, error: write };
  const { ask } = stage([{ error }], { logger, logContent: true });
  await ask('/api/v1/agent/run', { body: { input: 'Hi' } });
  expect(JSON.stringify(lines)).toContain(`"errorMessage":"${SAID} ***"`);
});

test.each(ANSWERS)('S17 no log and no metric of a server holds what was said: %s', async (_what, answers) => {
  const lines: unknown[] = [];
  const write = (...line: unknown[]): void => void lines.push(line);
  const logger = { debug: write, info: write, warn: write, error: write };
  for (const body of [
    { input: SAID },
    { input: SAID, conversation_id: 'c1', turn_id: 't1', context: { [SAID]: SAID } },
    { input: SAID, model: SAID },
    { input: SAID, pipeline: SAID },
    { input: [{ role: SAID, content: SAID }] },
    `{"input":"${SAID}"`,
  ])
    for (const path of ['/api/v1/agent/run', '/api/v1/agent/stream']) {
      const { ask } = stage(answers, { logger, debug: true, limits: { usdPerDay: 1 } }, [tools([look])]);
      await (await ask(path, { body })).text();
      await (await ask(`/v1/chat/completions`, { body: { model: SAID, messages: [] } })).text();
      await (await ask(`/api/v1/${encodeURIComponent(SAID)}`)).text();
      lines.push(await (await ask('/metrics')).text());
    }
  // Whatever a line has is written out, also what JSON leaves out.
  const all = JSON.stringify(lines, (_key, value: unknown) =>
    value instanceof Error ? `${value.message} ${value.stack} ${String(value.cause)}` : value,
  );
  expect(lines.length).toBeGreaterThan(12);
  expect(all).not.toMatch(/canary/);
});

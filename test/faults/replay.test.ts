import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { isSluiceError, Pipeline } from '../../src/index.ts';
import { faultServer, type FaultServer } from '../../testing/upstream/fault-server.ts';
import { plainReplies, recordings, replyLines } from '../support/recordings.ts';
import type { Recording } from '../support/recordings.ts';
import { accountOf, type Account } from './account.ts';
import { providerOf } from './stage.ts';

/** Splits are different in each run. Set `SLUICE_TEST_SEED` to repeat a run. */
const SEED = Number(process.env['SLUICE_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));

/** The approximate number of writes per body. */
const WRITES = 250;

const replies = recordings().flatMap((recorded) => {
  const readings = plainReplies(recorded.wire, recorded.lines);
  return replyLines(recorded.wire, recorded.lines).map((lines, at) => {
    const reading = readings[at];
    if (reading === undefined) throw new Error(`There is no reading of ${recorded.name}.`);
    const name = `${recorded.wire}/${recorded.name}${readings.length > 1 ? `, reply ${at + 1}` : ''}`;
    return { name, recorded: { ...recorded, lines }, reading };
  });
});
const isGood = ({ reading }: (typeof replies)[number]): boolean =>
  reading.error === undefined && !reading.spliced;

describe(`every recording through a pipeline, at random byte boundaries (SLUICE_TEST_SEED=${SEED})`, () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  async function replay(recorded: Recording): Promise<Account> {
    const maxBytes = Math.max(9, Math.ceil((2 * recorded.lines.join('').length) / WRITES));
    server.enqueue({ stream: recorded, split: { seed: SEED, maxBytes } });
    const model = providerOf(recorded.wire, server);
    await using pipeline = new Pipeline([provider(model)], { own: true });
    return await accountOf(pipeline.executeStream('user', 'Hi'));
  }

  it.each(replies.filter(isGood))('$name delivers what its lines contain', async ({ recorded, reading }) => {
    const { text, thinking, toolCalls, done, error } = await replay(recorded);
    expect(error).toBeUndefined();
    const [result] = done;
    const { raw: _raw, ...usage } = result?.usage ?? {};
    const said = { text, thinking, toolCalls };
    const expected = { text: reading.text, thinking: reading.thinking, toolCalls: reading.toolCalls };
    expect(said).toEqual(expected);
    const { content, thinking: thought, toolCalls: calls, finishReason } = result?.response ?? {};
    expect({ text: content, thinking: thought, toolCalls: calls }).toEqual(expected);
    expect(finishReason).toBe(reading.finishReason);
    if (reading.usage !== undefined) expect(usage).toEqual(reading.usage);
    server.assertDrained();
  });

  it.each(replies.filter((reply) => !isGood(reply)))('$name is refused', async ({ recorded, reading }) => {
    const { done, result } = await replay(recorded);
    expect(done).toEqual([]);
    expect(isSluiceError(result)).toBe(true);
    if (reading.spliced) expect(result).toMatchObject({ code: 'protocol' });
  });

  function named(part: string) {
    const found = replies.find(({ name }) => name.includes(part));
    if (found === undefined) throw new Error(`There is no recording ${part}.`);
    return found;
  }

  async function failureOf(part: string): Promise<Account['result']> {
    return (await replay(named(part).recorded)).result;
  }

  it('R8 accepts a repeated opening, and refuses a second message', async () => {
    expect((await replay(named('made-repeated-start').recorded)).done).toHaveLength(1);
    expect(await failureOf('made-spliced')).toMatchObject({
      code: 'protocol',
      provider: 'anthropic',
    });
  });

  it('R3 recognizes an error after 200 by its type', async () => {
    expect(await failureOf('openai-responses/made-quota')).toMatchObject({
      code: 'rate_limited',
      retryable: false,
      provider: 'openai',
    });
    const overloaded = { code: 'overloaded', retryable: true, provider: 'anthropic' };
    expect(await failureOf('anthropic-messages/made-error')).toMatchObject(overloaded);
    const server = { code: 'server', retryable: true, provider: 'openai' };
    expect(await failureOf('openai-chat/made-error')).toMatchObject(server);
    expect(await failureOf('openai-responses/made-error')).toMatchObject(server);
    expect(await failureOf('openai-responses/made-failed')).toMatchObject(server);
  });

  it('reads a stream whose first chunk has no choices', async () => {
    const { recorded, reading } = named('made-filter-first');
    const account = await replay(recorded);
    expect([account.text, account.done.length]).toEqual([reading.text, 1]);
    expect(reading.text.length).toBeGreaterThan(0);
  });

  it('covers replies of all kinds', () => {
    const good = replies.filter(isGood).map(({ reading }) => reading);
    const reasons = new Set(good.map(({ finishReason }) => finishReason));
    const expected = ['stop', 'tool_calls', 'length', 'content_filter', 'refusal', 'pause'];
    expect(expected.filter((reason) => !reasons.has(reason))).toEqual([]);
    expect(good.some(({ thinking }) => thinking !== '')).toBe(true);
    expect(good.some(({ toolCalls }) => toolCalls.some((call) => call.providerExecuted === true))).toBe(true);
    expect(good.some(({ toolCalls }) => toolCalls.length === 3)).toBe(true);
    expect(replies.length - good.length).toBeGreaterThan(5);
  });
});

import { describe, expect, it } from 'vitest';

import { cost, type CostEvent } from '../../middleware/cost.ts';
import { provider } from '../../middleware/provider.ts';
import { retry, type AfterContent } from '../../middleware/retry.ts';
import { isSluiceError, Pipeline } from '../../src/index.ts';
import { constant } from '../../src/kit/index.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import type { Fault, FaultResponse } from '../../testing/upstream/fault-response.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { openaiError } from '../../testing/upstream/provider-errors.ts';
import { CODES } from '../support/frames.ts';
import { accountOf } from './account.ts';
import { told, WHOLE } from './frame-stage.ts';
import { networks } from './matrix.ts';
import { providerOf, strayRequests, type Network } from './stage.ts';

/** A dollar for each token. */
const PRICES = { 'openai/*': { input: 1_000_000, output: 1_000_000 } };

const stream = chatStream({ text: ['Hello', ' there'], usage: { inputTokens: 5, outputTokens: 3 } });

/** A response, which may wait until the first text has been delivered. */
type Answer = (begun: Promise<void>) => FaultResponse;
const whole: Answer = () => ({ stream });
const fails =
  (status: number): Answer =>
  () =>
    openaiError(status);
const first =
  (kind: Fault['kind'] & ('reset' | 'rst' | 'eof'), at: Fault['at']): Answer =>
  () => ({
    stream,
    fault: { kind, at },
  });
/** Goes wrong when the first text has been delivered. */
const middle =
  (kind: Fault['kind'] & ('reset' | 'fin' | 'eof')): Answer =>
  (begun) => ({
    stream,
    fault: { kind, at: { event: 2 }, gate: begun },
  });

/** What the server answers, one response for each request, and what the caller gets. */
interface Play {
  readonly name: string;
  readonly answers: readonly Answer[];
  readonly afterContent?: AfterContent;
  readonly end: string;
  /** What each attempt costs. */
  readonly usd: readonly number[];
}

const PLAYS: Play[] = [
  { name: 'a complete reply', answers: [whole], end: WHOLE, usd: [8] },
  { name: 'status 429', answers: [fails(429), whole], end: WHOLE, usd: [0, 8] },
  { name: 'status 500', answers: [fails(500), whole], end: WHOLE, usd: [0, 8] },
  { name: 'status 401', answers: [fails(401)], end: 'authentication after "", partial ""', usd: [0] },
  {
    name: 'status 500 each time',
    answers: [fails(500), fails(429), fails(503)],
    end: 'overloaded after "", partial ""',
    usd: [0, 0, 0],
  },
  {
    name: 'a reset before the headers',
    answers: [first('reset', 'headers'), whole],
    end: WHOLE,
    usd: [5, 8],
  },
  {
    name: 'a reset after the headers, before the first text',
    answers: [first('reset', { event: 0 }), whole],
    end: WHOLE,
    usd: [5, 8],
  },
  {
    name: 'an end before the first text',
    answers: [first('eof', { event: 0 }), first('eof', { event: 1 }), whole],
    end: WHOLE,
    usd: [5, 5, 8],
  },
  {
    name: 'a reset after some text',
    answers: [middle('reset')],
    end: 'network after "Hello", partial "Hello"',
    usd: [7],
  },
  {
    name: 'a loss of the connection after some text',
    answers: [middle('fin')],
    end: 'network after "Hello", partial "Hello"',
    usd: [7],
  },
  {
    name: 'an end after some text',
    answers: [middle('eof')],
    end: 'truncated after "Hello", partial "Hello"',
    usd: [7],
  },
  {
    name: 'a reset after some text, which is said again',
    answers: [middle('reset'), whole],
    afterContent: 'reset',
    end: WHOLE,
    usd: [7, 8],
  },
  {
    name: 'a reset after some text, which is continued',
    answers: [
      middle('reset'),
      () => ({ stream: chatStream({ text: 'Hello there', usage: { inputTokens: 9, outputTokens: 2 } }) }),
    ],
    afterContent: 'continue',
    end: WHOLE,
    usd: [7, 11],
  },
];

/** What came of a play, as its caller and its operator see it. */
async function outcomeOf({ answers, afterContent = 'fail' }: Play, network: Network) {
  await using server = await faultServer(network);
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  server.enqueue(...answers.map((answer) => answer(begun)));
  const model = providerOf('openai-chat', server, network);
  const bills: Pick<CostEvent, 'cost' | 'usage' | 'model'>[] = [];
  const pipeline = new Pipeline([
    cost({
      prices: PRICES,
      onCost: ({ cost: price, usage, model: name }) => bills.push({ cost: price, usage, model: name }),
    }),
    retry({ maxRetries: 2, backoff: constant(0), budget: false, afterContent }),
    provider(model),
  ]);
  const account = await accountOf(pipeline.executeStream('user', 'Hi'), () => resolve());
  await server.idle();
  await model.close?.();
  await server.socketsClosed();
  server.assertDrained();
  expect(strayRequests(server, network, undefined)).toEqual([]);
  const { chunks, error, done } = account;
  return {
    end: told(account),
    requests: server.requests.length,
    bills,
    chunks,
    error: isSluiceError(error) && {
      attempts: error.attempts,
      retryable: error.retryable,
      status: error.status,
    },
    result: done.map(({ usage, cost: price, response, warnings, trace }) => ({
      usage,
      cost: price,
      response,
      warnings,
      spans: trace.map(({ kind, outcome, attributes, usage: used, cost: paid }) => ({
        kind,
        outcome,
        attributes,
        used,
        paid,
      })),
    })),
  };
}

describe('retries and costs', () => {
  const [overHttp1, overHttp2] = [networks('HTTP/1.1')('eof'), networks('HTTP/2')];

  it.each(PLAYS)('are the same over HTTP/1.1 and HTTP/2 with $name', async (play) => {
    const outcome = await outcomeOf(play, overHttp2('eof'));
    expect(outcome).toEqual(await outcomeOf(play, overHttp1));
    expect(outcome).toMatchObject({ end: play.end, requests: play.usd.length });
    expect(outcome.bills.map(({ cost: { totalUsd } }) => totalUsd)).toEqual(play.usd);
  });

  it('do not count a stream that the server refuses: one attempt, priced once', async () => {
    const [plain] = PLAYS;
    if (plain === undefined) throw new Error('There is no play.');
    const code = CODES.indexOf('REFUSED_STREAM');
    const refused: Answer = () => ({ stream, fault: { kind: 'reset', at: 'headers', code } });
    const outcome = await outcomeOf({ ...plain, answers: [refused, refused, whole] }, overHttp2('eof'));
    const expected = await outcomeOf(plain, overHttp1);
    expect(outcome.requests).toBe(3);
    expect(JSON.stringify({ ...outcome, requests: 1 }).replace('req_2', 'req_0')).toBe(
      JSON.stringify(expected),
    );
  });

  it('count a request that the server refuses each time as one attempt without a cost', async () => {
    const [plain] = PLAYS;
    if (plain === undefined) throw new Error('There is no play.');
    const code = CODES.indexOf('REFUSED_STREAM');
    const refused: Answer = () => ({ stream, fault: { kind: 'reset', at: 'headers', code } });
    const answers = [refused, refused, refused, refused, whole];
    const outcome = await outcomeOf({ ...plain, answers }, overHttp2('eof'));
    expect(outcome).toMatchObject({ end: WHOLE, requests: 5 });
    expect(outcome.bills.map(({ cost: { totalUsd } }) => totalUsd)).toEqual([0, 8]);
  });
});

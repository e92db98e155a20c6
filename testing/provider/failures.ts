import assert from 'node:assert/strict';
import { inspect } from 'node:util';

import type { ErrorCode, SluiceError } from '../../src/index.ts';
import type { FaultResponse } from '../upstream/fault-response.ts';
import { faultServer } from '../upstream/fault-server.ts';
import { directCall } from '../model-call.ts';
import type { WireCase, WireSubject } from './contract.ts';
import { htmlPage } from '../upstream/provider-errors.ts';
import { CANARY, failing, SAID } from './stage.ts';
import type { WireStage } from './stage.ts';
import { eventWith } from '../upstream/wire-answers.ts';

const STATUSES: readonly (readonly [status: number, code: ErrorCode])[] = [
  [400, 'invalid_request'],
  [401, 'authentication'],
  [403, 'permission'],
  [404, 'not_found'],
  [429, 'rate_limited'],
  [500, 'server'],
  [503, 'overloaded'],
  [529, 'overloaded'],
];

/** Cases about what goes wrong on a wire. */
export const failureCases: readonly WireCase[] = [
  ...STATUSES.map(([status, code]): WireCase => ({
    name: `fails with ${code} for status ${status}, after one request`,
    run: (subject) =>
      subject.onWire(async (stage) => {
        const headers = { 'retry-after': '2' };
        const error = await errorOf(stage, stage.answers.error(status, { headers }));
        const { provider, requestId, retryAfterMs } = error;
        assert.deepEqual(
          { code: error.code, status: error.status, provider, requestId, retryAfterMs },
          { code, status, provider: stage.provider.name, requestId: 'req_0', retryAfterMs: 2_000 },
        );
        assert.equal(error.retryable, status === 429 || status >= 500);
        assert.equal(stage.server.requests.length, 1);
      }),
  })),
  {
    name: 'fails with truncated when the stream stops early, after delivering what arrived',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const { content, error } = await cut(stage, 'eof');
        assert.deepEqual([error.code, error.retryable, content], ['truncated', true, 'Rivers ']);
      }),
  },
  {
    name: 'fails when the connection is closed, after delivering what arrived',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const { content, error } = await cut(stage, 'fin');
        assert.ok(['network', 'truncated'].includes(error.code), `got ${error.code}`);
        assert.deepEqual([error.retryable, content], [true, 'Rivers ']);
      }),
  },
  {
    name: 'fails when the connection is reset',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const { error } = await cut(stage, 'rst');
        assert.ok(['network', 'truncated'].includes(error.code), `got ${error.code}`);
        assert.equal(error.retryable, true);
      }),
  },
  {
    name: 'fails when the connection is closed before the headers',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const error = await errorOf(stage, { fault: { kind: 'rst', at: 'headers' } });
        assert.deepEqual([error.code, error.retryable], ['network', true]);
      }),
  },
  {
    name: 'fails when nobody listens at the address',
    run: (subject) =>
      subject.onWire(async ({ provider, request, server }) => {
        await server.close();
        const { error } = await failing(provider.stream(request, directCall(request)));
        assert.deepEqual([error.code, error.retryable], ['network', true]);
      }),
  },
  {
    name: 'fails with a typed error for an error event after status 200, after delivering what arrived',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const { line, code } = stage.answers.lateError;
        const stream = stage.answers.stream(SAID.text);
        const at = { event: eventWith(stream, 'run') };
        stage.enqueue({ stream, fault: { kind: 'error', at, lines: [line] } });
        const { content, error } = await failing(
          stage.provider.stream(stage.request, directCall(stage.request)),
        );
        assert.deepEqual([error.code, error.retryable, content], [code, true, 'Rivers ']);
      }),
  },
  {
    name: 'fails with protocol for an event that is not JSON',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const stream = stage.answers.stream(SAID.text);
        const at = { event: eventWith(stream, 'run') };
        const error = await errorOf(stage, { stream, fault: { kind: 'error', at, lines: ['{"broken'] } });
        assert.equal(error.code, 'protocol');
      }),
  },
  {
    name: 'fails with protocol for a page of HTML',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const error = await errorOf(stage, htmlPage());
        assert.equal(error.code, 'protocol');
      }),
  },
  {
    name: 'never takes an empty answer for a finished one',
    run: (subject) =>
      subject.onWire(async (stage) => {
        const codes: ErrorCode[] = [];
        const empty: FaultResponse[] = [
          { stream: { lines: [], sentinel: false } },
          { body: {} },
          { status: 204 },
          { stream: { lines: [], sentinel: true } },
        ];
        for (const response of empty) codes.push((await errorOf(stage, response)).code);
        for (const code of codes) assert.ok(code === 'truncated' || code === 'protocol', `got ${code}`);
      }),
  },
  {
    name: 'follows no redirect',
    run: (subject) =>
      subject.onWire(async (stage) => {
        await using elsewhere = await faultServer({ always: { stream: stage.answers.stream(SAID.text) } });
        await errorOf(stage, { status: 307, headers: { location: `${elsewhere.url}/v1/messages` } });
        assert.equal(
          elsewhere.requests.length,
          0,
          'the provider followed the redirect and sent its key along',
        );
      }),
  },
  {
    name: 'shows its key in no error',
    run: checkSecrets,
  },
];

/** The error that the provider makes of a response. */
async function errorOf(
  { provider, request, enqueue }: WireStage,
  response: FaultResponse,
): Promise<SluiceError> {
  enqueue(response);
  const { error } = await failing(provider.stream(request, directCall(request)));
  return error;
}

async function cut(
  { provider, request, enqueue, answers, server }: WireStage,
  kind: 'eof' | 'fin' | 'rst',
): Promise<{ content: string; error: SluiceError }> {
  const stream = answers.stream(SAID.text);
  enqueue({ stream, fault: { kind, at: { event: eventWith(stream, 'run') } } });
  const failure = await failing(provider.stream(request, directCall(request)));
  await server.idle();
  return failure;
}

/** Checks the errors of a server that repeats the key, in every form in which a log could print them. */
function checkSecrets(subject: WireSubject): Promise<void> {
  return subject.onWire(async function play(stage) {
    const { answers, server } = stage;
    const message = `the key ${CANARY} is wrong`;
    const stream = answers.stream(SAID.text);
    const responses: FaultResponse[] = [
      ...STATUSES.map(([status]) => answers.error(status, { message, code: CANARY, param: CANARY })),
      { status: 418, body: message },
      htmlPage(message),
      { stream, fault: { kind: 'error', at: { event: 1 }, lines: [`{"error":{"message":"${message}"}}`] } },
      { stream, fault: { kind: 'error', at: { event: 1 }, lines: [`{"${CANARY}`] } },
      { stream, fault: { kind: 'fin', at: { event: 1 } } },
    ];
    for (const response of responses) check(await errorOf(stage, response));
    await server.close();
    check((await failing(stage.provider.stream(stage.request, directCall(stage.request)))).error);
  });

  function check(error: SluiceError): void {
    const printed = [
      inspect(error, { depth: 20, showHidden: true }),
      JSON.stringify(error),
      String(error),
      error.stack ?? '',
    ];
    assert.equal(
      printed.join('\n').includes(CANARY),
      false,
      `the key is in an error with code ${error.code}`,
    );
  }
}

import { Pipeline, SluiceError, isSluiceError, noUsage } from 'sluice';
import type { Provider } from 'sluice';
import { cost } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import {
  anthropicError,
  chatErrorLine,
  chatStream,
  faultServer,
  messagesErrorLine,
  messagesStream,
  openaiError,
} from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { wasNeverSent } from '../../providers/wire/errors/never-sent.ts';

const wires = {
  openai: {
    make: (baseURL: string): Provider =>
      openai({ name: 'openai', apiKey: 'k', baseURL, model: 'gpt-5-mini' }),
    base: (server: FaultServer) => server.openaiBaseURL,
    stream: () => chatStream({ text: 'Hi', model: 'gpt-5-mini' }),
    refusal: () => openaiError(503),
    errorLine: () => chatErrorLine({ status: 503 }),
  },
  anthropic: {
    make: (baseURL: string): Provider =>
      anthropic({ name: 'anthropic', apiKey: 'k', baseURL, model: 'claude-opus-5-5' }),
    base: (server: FaultServer) => server.anthropicBaseURL,
    stream: () => messagesStream({ text: 'Hi', model: 'claude-opus-5-5' }),
    refusal: () => anthropicError(529),
    errorLine: () => messagesErrorLine(),
  },
};

/** What a failed execution cost, and how many tokens it used. */
async function spent(model: Provider): Promise<unknown[]> {
  const error: unknown = await new Pipeline([cost(), provider(model)])
    .execute('user', 'Hello')
    .catch((thrown: unknown) => thrown);
  if (!isSluiceError(error)) throw new Error('expected a SluiceError', { cause: error });
  const { usage, cost: sum } = error.partial ?? {};
  const total = sum?.totalUsd;
  return [error.code, usage?.estimated === true, sum?.status, total === undefined ? total : total > 0];
}

describe.each(Object.values(wires))('R38 $make.name: a call', (wire) => {
  test('that finds no server costs exactly 0, and nothing is an estimate', async () => {
    expect(await spent(wire.make('http://127.0.0.1:1/v1'))).toEqual(['network', false, 'exact', false]);
  });

  test('that cannot be sent costs exactly 0', async () => {
    const model = wire.make('http://127.0.0.1:1/v1');
    const pipeline = new Pipeline([cost(), provider(model)]);
    const error: unknown = await pipeline
      .execute([{ role: 'assistant', content: '' }])
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'invalid_request',
      partial: { usage: noUsage(), cost: { status: 'exact', totalUsd: 0 } },
    });
    await model.close?.();
    expect((await spent(model)).slice(1)).toEqual([false, 'exact', false]);
  });

  test('that a server refuses costs exactly 0', async () => {
    await using server = await faultServer();
    server.enqueue(wire.refusal());
    expect((await spent(wire.make(wire.base(server)))).slice(1)).toEqual([false, 'exact', false]);
  });

  test('whose connection breaks before the headers may have run: an estimate', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: wire.stream(), fault: { kind: 'rst', at: 'headers' } });
    expect(await spent(wire.make(wire.base(server)))).toEqual(['network', true, 'estimated', true]);
  });

  test.each(['rst', 'fin', 'eof'] as const)(
    'that the server accepted counts as run if %s ends it before any event',
    async (kind) => {
      await using server = await faultServer();
      server.enqueue({ stream: wire.stream(), fault: { kind, at: { event: 0 } } });
      expect((await spent(wire.make(wire.base(server)))).slice(1)).toEqual([true, 'estimated', true]);
    },
  );

  test('that the server accepted counts as run if its only event is an error', async () => {
    await using server = await faultServer();
    const fault = { kind: 'error', at: { event: 0 }, lines: [wire.errorLine()] } as const;
    server.enqueue({ stream: wire.stream(), fault });
    expect((await spent(wire.make(wire.base(server)))).slice(1)).toEqual([true, 'estimated', true]);
  });

  test('under the default name has a price only at the address of the provider', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: wire.stream() });
    const baseURL = wire.base(server);
    const local =
      wire === wires.openai
        ? openai({ apiKey: 'k', baseURL, model: 'gpt-5-mini' })
        : anthropic({ apiKey: 'k', baseURL, model: 'claude-opus-5-5' });
    const result = await new Pipeline([cost(), provider(local)]).execute('user', 'Hello');
    expect(result.cost).toEqual({ status: 'unknown' });
    expect(local.server).toBe(baseURL);
  });
});

test('the address of a server is told without credentials, and only under the default name', () => {
  const baseURL = 'http://user:secret@127.0.0.1:1/v1/?key=secret';
  expect(openai({ apiKey: 'k', baseURL }).server).toBe('http://127.0.0.1:1/v1');
  expect(openai({ apiKey: 'k', baseURL, name: 'mine' }).server).toBeUndefined();
  expect(anthropic({ apiKey: 'k' }).server).toBe('https://api.anthropic.com');
});

describe('an error of a request that was never sent', () => {
  const coded = (code: string, more: object = {}) => Object.assign(new Error('x'), { code, ...more });

  test.each([
    ['a refused connection', coded('ECONNREFUSED')],
    ['a name that is not found', coded('ENOTFOUND')],
    ['a resolver that is not there', coded('EAI_AGAIN')],
    ['a connection that takes too long', coded('UND_ERR_CONNECT_TIMEOUT')],
    ['a connection that timed out', coded('ETIMEDOUT', { syscall: 'connect' })],
    ['a wrong certificate', coded('DEPTH_ZERO_SELF_SIGNED_CERT')],
    ['a cause of an SDK', new Error('Connection error.', { cause: coded('ECONNREFUSED') })],
    ['all addresses of a host', new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')])],
    ['a closed provider', new SluiceError('shutting_down', 'The provider is closed.')],
  ])('is known: %s', (_what, error) => {
    expect(wasNeverSent(error)).toBe(true);
  });

  test.each([
    ['a reset', coded('ECONNRESET')],
    ['a read that timed out', coded('ETIMEDOUT', { syscall: 'read' })],
    ['a closed socket', coded('UND_ERR_SOCKET')],
    ['one address that was reached', new AggregateError([coded('ECONNREFUSED'), coded('ECONNRESET')])],
    ['a refusal of the server', new SluiceError('invalid_request', 'No.', { status: 400 })],
    ['nothing known', new Error('x')],
    ['no error', 'ECONNREFUSED'],
  ])('is not %s', (_what, error) => {
    expect(wasNeverSent(error)).toBe(false);
  });
});

import type OpenAI from 'openai';
import type { APIError } from 'openai';
import { describe, expect, it } from 'vitest';
import { provider, retry } from '../../../middleware/index.ts';
import { Pipeline, SluiceError } from '../../../src/index.ts';
import type { ErrorCode, ErrorDetails, Middleware } from '../../../src/index.ts';
import { constant } from '../../../src/kit/index.ts';
import { scripted } from '../../../testing/index.ts';
import type { ScriptedAnswer, ScriptedProvider } from '../../../testing/index.ts';
import { openaiApp } from './app.ts';
import { officialClients } from './clients.ts';

interface Stage extends AsyncDisposable {
  readonly baseURL: string;
  readonly model: ScriptedProvider;
  /** How many requests the client has sent. */
  readonly sent: () => number;
}

async function served(answer: ScriptedAnswer, ...middleware: Middleware[]): Promise<Stage> {
  const model = scripted(answer, { repeat: true });
  const app = await openaiApp(new Pipeline([...middleware, provider(model)]));
  return {
    baseURL: app.baseURL,
    model,
    sent: app.sent,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

const failing = (code: ErrorCode, details: ErrorDetails = {}): ScriptedAnswer => ({
  error: new SluiceError(code, 'canary', { retryAfterMs: 1, ...details }),
});

const chat = { model: 'gpt-x', messages: [{ role: 'user' as const, content: 'Hi' }] };
const input = { model: 'gpt-x', input: 'Hi' };

const asks: [string, (client: OpenAI) => PromiseLike<unknown>][] = [
  ['chat', (client) => client.chat.completions.create({ ...chat, stream: false })],
  ['streamed chat', (client) => client.chat.completions.create({ ...chat, stream: true })],
  ['a response', (client) => client.responses.create({ ...input, stream: false })],
  ['a streamed response', (client) => client.responses.create({ ...input, stream: true })],
];

async function failure(promise: PromiseLike<unknown>): Promise<APIError> {
  const error: unknown = await Promise.resolve(promise).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error as APIError;
}

describe.each(officialClients)(
  'the official client, version %s, with its own retries',
  (_version, Client) => {
    describe.each(asks)('for %s', (_what, ask) => {
      const fails = async (stage: Stage): Promise<APIError> =>
        failure(ask(new Client({ baseURL: stage.baseURL, apiKey: 'key' })));

      it('does not try again once our attempts are spent', async () => {
        await using stage = await served(failing('server'), retry({ maxRetries: 2, backoff: constant(0) }));
        const error = await fails(stage);
        expect([error.status, error.code, stage.model.calls.length, stage.sent()]).toEqual([
          502,
          'server_error',
          3,
          1,
        ]);
      });

      it('tries again once if we did not', async () => {
        await using stage = await served(failing('overloaded'));
        const error = await fails(stage);
        expect([error.status, error.code, stage.model.calls.length, stage.sent()]).toEqual([
          503,
          'server_is_overloaded',
          2,
          2,
        ]);
      });

      it('does not try again what cannot succeed', async () => {
        await using stage = await served(failing('rate_limited', { retryable: false }));
        const error = await fails(stage);
        expect([error.status, error.code, stage.model.calls.length]).toEqual([429, 'insufficient_quota', 1]);
      });
    });

    it('knows what kind of error it is', async () => {
      const kinds: [ErrorCode, string][] = [
        // The server's own key is wrong, and not the client's.
        ['authentication', 'InternalServerError 502 server_error'],
        ['permission', 'PermissionDeniedError 403 permission_denied'],
        ['not_found', 'NotFoundError 404 not_found'],
        ['invalid_request', 'BadRequestError 400 invalid_request'],
        ['context_length', 'BadRequestError 400 context_length_exceeded'],
        ['content_filter', 'BadRequestError 400 content_filter'],
        ['budget', 'RateLimitError 429 budget'],
        ['protocol', 'InternalServerError 502 protocol'],
        ['conflict', 'ConflictError 409 conflict'],
      ];
      for (const [code, kind] of kinds) {
        await using stage = await served(failing(code));
        const client = new Client({ baseURL: stage.baseURL, apiKey: 'key' });
        const error = await failure(client.chat.completions.create(chat));
        expect(`${error.constructor.name} ${error.status} ${error.code}`).toBe(kind);
        expect(error.message).not.toContain('canary');
        expect(error.requestID).toMatch(/^[\da-f-]{36}$/);
      }
    });

    it('is told by an error, and not by an end, that a stream was cut', async () => {
      const cut = { text: ['One ', 'two'], after: 1, error: new SluiceError('truncated', 'canary') };
      await using stage = await served(cut);
      const client = new Client({ baseURL: stage.baseURL, apiKey: 'key' });
      const said: string[] = [];
      const stream = client.chat.completions.stream(chat);
      stream.on('content', (delta) => said.push(delta));
      const error = await failure(stream.finalChatCompletion());
      expect([error.constructor.name, error.code, error.message]).toEqual([
        'APIError',
        'truncated',
        'The answer stopped before its end.',
      ]);
      expect(said).toEqual(['One ']);
      const response = client.responses.stream(input);
      const events: OpenAI.Responses.ResponseStreamEvent[] = [];
      response.on('event', (event) => events.push(event));
      await response.done();
      // Version 5 keeps nothing of a response that has failed.
      expect(events.at(-1)).toMatchObject({
        type: 'response.failed',
        response: {
          status: 'failed',
          error: { code: 'truncated', message: 'The answer stopped before its end.' },
          output: [{ status: 'incomplete', content: [{ text: 'One ' }] }],
        },
      });
      expect(stage.model.calls.length).toBe(2);
    });

    it('gets one event for a response that failed after its headers, before its first word', async () => {
      await using stage = await served({
        thinking: [''],
        after: 1,
        error: new SluiceError('server', 'canary'),
      });
      const client = new Client({ baseURL: stage.baseURL, apiKey: 'key' });
      const error = await failure(client.responses.stream(input).finalResponse());
      // Versions 5 and 6 throw the event as it is.
      expect(error).toMatchObject({ code: 'server_error', message: 'The provider failed.' });
    });

    it('is told which field is wrong', async () => {
      await using stage = await served('unused');
      const client = new Client({ baseURL: stage.baseURL, apiKey: 'key' });
      const many = await failure(client.chat.completions.create({ ...chat, n: 2 }));
      expect([many.status, many.param, many.code]).toEqual([400, 'n', 'invalid_request']);
      const stored = await failure(client.responses.create({ ...input, previous_response_id: 'resp_1' }));
      expect([stored.status, stored.param]).toEqual([400, 'previous_response_id']);
      expect(stored.message).toContain('previous_response_id: responses are not stored');
      expect(stage.model.calls).toEqual([]);
    });
  },
);

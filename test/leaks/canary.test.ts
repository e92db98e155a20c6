import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultResponse, FaultServer } from 'sluice/testing';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Provider } from 'sluice';
import { KEY, PROMPT, shownBy } from './canary.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await faultServer();
});
afterAll(() => server.close());

const SAID = `${PROMPT}, with the key ${KEY}`;
const escaped = Array.from(SAID, (one) => `\\u00${one.charCodeAt(0).toString(16)}`).join('');
const basic = Buffer.from(`user:${KEY}`).toString('base64');

/** Places in which a server can echo what it was sent. */
const places: readonly [string, FaultResponse][] = [
  ...['message', 'type', 'code', 'param', 'detail'].map((field): [string, FaultResponse] => [
    `the field ${field} of an error`,
    { status: 400, body: { error: { message: 'It went wrong.', [field]: SAID } } },
  ]),
  ['an error as text', { status: 500, body: SAID }],
  [
    'an error nested in JSON text',
    { status: 502, body: { error: { metadata: { raw: JSON.stringify({ error: { message: SAID } }) } } } },
  ],
  ['a list of errors', { status: 422, body: { detail: [{ msg: SAID, input: SAID }] } }],
  [
    'JSON with every character escaped',
    {
      status: 401,
      headers: { 'content-type': 'application/json' },
      body: `{"error":{"message":"${escaped}"}}`,
    },
  ],
  ['JSON that was escaped and then cut', { status: 401, body: `{"error":{"message":"${escaped}` }],
  [
    'an address',
    {
      status: 404,
      body: `Not found: https://example.com/?q=${encodeURIComponent(SAID)}&key=${encodeURIComponent(KEY)}`,
    },
  ],
  ['a header in base64', { status: 401, body: `${PROMPT} Authorization: Basic ${basic}` }],
  [
    'a page',
    { status: 503, headers: { 'content-type': 'text/html' }, body: `<html><body>${SAID}</body></html>` },
  ],
  [
    'a page with status 200',
    { headers: { 'content-type': 'text/html' }, body: `<html><body>${SAID}</body></html>` },
  ],
  ['text with status 200', { body: `error: ${SAID}` }],
  ['the media type', { headers: { 'content-type': `image/${KEY}` }, body: SAID }],
  ['the request id', { status: 500, headers: { 'x-request-id': KEY, 'request-id': KEY }, body: {} }],
  [
    'a sentence as request id',
    { status: 500, headers: { 'x-request-id': SAID, 'request-id': SAID }, body: {} },
  ],
  [
    'the request id of the body',
    {
      status: 500,
      headers: { 'x-request-id': undefined, 'request-id': undefined },
      body: { request_id: SAID },
    },
  ],
  [
    'other headers',
    {
      status: 429,
      headers: { 'retry-after': SAID, 'x-ratelimit-limit-requests': SAID, server: SAID },
      body: {},
    },
  ],
  ['a redirect', { status: 302, headers: { location: `http://127.0.0.1/${encodeURIComponent(SAID)}` } }],
];

/** Places in a stream, as a line of each wire. */
const lines = {
  'openai-chat': [JSON.stringify({ error: { message: SAID, code: SAID, type: SAID } })],
  'openai-responses': [
    JSON.stringify({ type: 'error', message: SAID, code: SAID }),
    JSON.stringify({ type: 'response.failed', response: { error: { message: SAID, code: SAID } } }),
    JSON.stringify({
      type: 'response.incomplete',
      response: { model: SAID, incomplete_details: { reason: SAID } },
    }),
  ],
  'anthropic-messages': [
    JSON.stringify({ type: 'error', error: { type: SAID, message: SAID }, request_id: SAID }),
    JSON.stringify({
      type: 'message_delta',
      delta: { stop_reason: 'refusal', stop_details: { explanation: SAID } },
    }),
  ],
};
const anyLines = [
  JSON.stringify({ type: SAID, message: SAID }),
  JSON.stringify({ model: SAID, error: SAID }),
  JSON.stringify(SAID),
  SAID,
  `{"cut": "${SAID}`,
];

const wires: readonly [keyof typeof lines, FaultResponse['stream'], () => Provider][] = [
  [
    'openai-chat',
    chatStream({ text: 'Hello' }),
    () => openai({ apiKey: KEY, baseURL: server.openaiBaseURL, name: 'made' }),
  ],
  [
    'openai-responses',
    responsesStream({ text: 'Hello' }),
    () => openai({ apiKey: KEY, baseURL: server.openaiBaseURL, api: 'responses' }),
  ],
  [
    'anthropic-messages',
    messagesStream({ text: 'Hello' }),
    () => anthropic({ apiKey: KEY, baseURL: server.anthropicBaseURL }),
  ],
];

/** A text without the escapes of JSON and of addresses. */
function decoded(text: string): string {
  return text.replace(/(?:\\+u00|%)([\da-f]{2})/gi, (_all, code: string) =>
    String.fromCharCode(parseInt(code, 16)),
  );
}

/** The key is nowhere, in any spelling; the user's words are nowhere outside. */
async function expectClean(model: Provider, response: FaultResponse): Promise<void> {
  server.always(response);
  const { outside, inside } = await shownBy(model);
  expect(outside).not.toMatch(/canary/i);
  for (const shown of [outside, inside]) {
    expect(decoded(shown)).not.toContain(KEY.slice(0, 13));
    expect(shown).not.toContain(basic.slice(8, 24));
  }
}

describe.each(wires)(
  'S1 S17 on %s: the key is in nothing that is shown, and no log, trace or client gets the words',
  (wire, stream, model) => {
    test.each(places)('echoed in %s', async (_place, response) => {
      await expectClean(model(), response);
    });

    test.each([...lines[wire], ...anyLines])('echoed after the status 200 in %s', async (line) => {
      for (const event of [0, 2]) {
        await expectClean(model(), {
          ...(stream && { stream }),
          fault: { kind: 'error', lines: [line], at: { event } },
        });
      }
    });

    test('the provider still says what went wrong, to the developer', async () => {
      server.always({ status: 401, body: { error: { message: `Wrong: ${SAID}` } } });
      const { code, inside } = await shownBy(model());
      expect(code).toBe('authentication');
      expect(inside).toContain(`Wrong: ${PROMPT}, with the key ***`);
    });
  },
);

test("S1 a caller's own client, whose errors carry the headers of the response", async () => {
  const client = new OpenAI({ apiKey: KEY, baseURL: server.openaiBaseURL });
  for (const [, response] of places) await expectClean(openai({ client }), response);
});

test('S1 the model that a server names is shown only if it is a name', async () => {
  const model = openai({ apiKey: KEY, baseURL: server.openaiBaseURL, model: 'asked-1' });
  for (const named of [SAID, KEY]) {
    await expectClean(model, { stream: chatStream({ text: 'Hello', model: named }) });
  }
});

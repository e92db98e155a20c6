import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stage } from '../http/stage.ts';
import { talk } from '../http/talk.ts';

/** A scanner that looks ahead at each of so many characters takes more than 10 seconds, and the others some milliseconds. */
const LENGTH = 100_000;

/** Texts that are slow for patterns with two repetitions that meet. */
const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ...[' ', '\t', '\n', '\r', ',', ';', '.', '-', '<', '{', '}', '\\', '"', '%', '&', '=', '/', '_', '*'].map(
    (one): [string, string] => [`${JSON.stringify(one)} again and again`, `a${one.repeat(LENGTH)}!`],
  ),
  ['pairs', `a${' ,'.repeat(LENGTH / 2)}!`],
  ['braces with spaces', `${'} '.repeat(LENGTH / 2)}!`],
  ['an address of data', `data:image/png;base64,${'A'.repeat(LENGTH)}!`],
  ['parameters of an address of data', `data:image/png${';a=b'.repeat(LENGTH / 4)},x`],
  ['keys', 'sk-a '.repeat(LENGTH / 5)],
  ['half an escape', '%2'.repeat(LENGTH / 2)],
];

const user = (content: unknown): object => ({ role: 'user', content });

/** A body of each protocol with a text in its places. */
const bodies = (text: string): [path: string, body: object][] => [
  ['/api/v1/agent/run', { input: text, context: { text } }],
  ['/api/v1/agent/run', { input: 'Hi', pipeline: text, model: text }],
  ['/v1/chat/completions', { model: 'agent', messages: [user(text)] }],
  [
    '/v1/chat/completions',
    { model: 'agent', messages: [user([{ type: 'image_url', image_url: { url: text } }])] },
  ],
  ['/v1/chat/completions', { model: 'agent', messages: [user('Hi')], stop: text, user: text }],
  ['/v1/responses', { model: 'agent', input: text, instructions: text }],
  ['/v1/responses', { model: 'agent', input: [user([{ type: 'input_image', image_url: text }])] }],
  ['/v1/messages', { model: 'agent', max_tokens: 9, system: text, messages: [user(text)] }],
  ['/v1/messages/count_tokens', { model: 'agent', messages: [user(text)] }],
  ['/api/chat', { messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text }] }] }],
  [
    '/api/chat',
    { messages: [{ id: 'm', role: 'user', parts: [{ type: 'file', mediaType: text, url: text }] }] },
  ],
  [
    '/api/ag-ui',
    {
      ...{ threadId: 't', runId: 'r', state: {}, tools: [], context: [], forwardedProps: {} },
      messages: [{ id: 'm', ...user(text) }],
    },
  ],
];

describe('S15 the server scans in linear time', () => {
  // The time of this process, not that of a busy machine.
  let before = process.cpuUsage();
  beforeEach(() => void (before = process.cpuUsage()));
  afterEach(() => {
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(5);
  });

  test.each(HOSTILE)('bodies with %s', async (_what, text) => {
    for (const [path, body] of bodies(text)) {
      // A scripted model has one answer, and no request but the first of a stage needs it.
      const { ask } = stage('Hi', { maxBodyBytes: 10_000_000 });
      const response = await ask(path, { body });
      await response.text();
      expect(response.status).toBeLessThan(500);
    }
  });

  test.each(HOSTILE.filter(([, text]) => /^[\t\x20-\x7e]*$/.test(text)))(
    'headers with %s',
    async (_what, text) => {
      const { ask } = stage('Hi', { origins: ['https://chat.example.com'], getStream: true });
      for (const name of [
        ...['authorization', 'x-api-key', 'content-type', 'accept', 'origin', 'last-event-id'],
        ...[
          'idempotency-key',
          'x-sluice-session',
          'anthropic-beta',
          'anthropic-version',
          'x-stainless-retry-count',
        ],
      ])
        for (const path of ['/v1/messages', '/api/v1/agent/run'])
          expect((await ask(path, { body: { input: 7 }, headers: { [name]: text } })).status).toBeLessThan(
            500,
          );
      const preflight = { origin: 'https://chat.example.com', 'access-control-request-headers': text };
      expect((await ask('/api/v1/agent/run', { method: 'OPTIONS', headers: preflight })).status).toBe(204);
      const bearer = { authorization: `Bearer ${text}` };
      expect((await ask('/api/v1/agent/metadata', { as: '', headers: bearer })).status).toBe(401);
      const socket = { upgrade: 'websocket', 'sec-websocket-protocol': text };
      expect((await ask('/ws', { as: '', headers: socket })).status).toBe(401);
    },
  );

  test.each(HOSTILE)('what a model says, and messages of a socket, with %s', async (_what, text) => {
    const { server } = stage([{ text: [text] }, { text: 'Hi' }], {
      auth: false,
      maxBodyBytes: 10_000_000,
    });
    const listening = await server.listen({ port: 0 });
    try {
      const response = await fetch(`${listening.url}/api/v1/agent/stream`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"input":"Hi"}',
      });
      expect(await response.text()).toContain('event: done');
      const { say, heard, socket } = await talk(listening.url);
      say({ action: 'send_message', message: text });
      await heard('done');
      say({ action: 'join', path: text });
      await heard('error');
      say(text);
      await heard('error');
      socket.terminate();
    } finally {
      await listening.close();
    }
  });
});

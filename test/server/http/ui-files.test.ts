import { describe, expect, test } from 'vitest';
import type { ScriptedAnswer } from 'sluice/testing';
import { BOB, codeOf, stage } from './stage.ts';
import type { Ask, Stage } from './stage.ts';

const LARGE = Buffer.alloc(300_000, 7).toString('base64');

const made = (mediaType: string, data = LARGE): ScriptedAnswer => ({
  chunks: [
    { type: 'content', content: 'Here: ' },
    { type: 'file', mediaType, data },
  ],
  finishReason: 'stop',
});

const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Draw.' }] };
const asked = { id: 'chat1', messages: [message], trigger: 'submit-message', file_urls: true };

/** The address of the file in an answer of the UI message stream. */
async function fileIn(response: Response): Promise<string> {
  const [, part = '{}'] = /^data: (\{"type":"file".*)$/m.exec(await response.text()) ?? [];
  return String((JSON.parse(part) as { url: unknown }).url);
}

/** A page's chat, and the address of the file that it has got. */
async function drawn(
  answer: ScriptedAnswer,
  body: object = asked,
): Promise<{ ask: Stage['ask']; url: string }> {
  const { ask } = stage([answer, 'More.']);
  return { ask, url: await fileIn(await ask('/api/chat', { body })) };
}

describe('a file of more than 256 kB', () => {
  test('is an address of the server, which gives it to its owner alone', async () => {
    const { ask, url } = await drawn(made('image/png'));
    expect(url).toBe('/api/chat/m1/files/2');
    const given = await ask(url);
    expect(Buffer.from(await given.arrayBuffer()).toString('base64')).toBe(LARGE);
    expect(Object.fromEntries(given.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': 'inline',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, max-age=3600, immutable',
    });
    expect(await codeOf(await ask(url, { as: BOB }))).toEqual([404, 'not_found']);
    expect((await ask(url, { as: '' })).status).toBe(401);
  });

  test.each([
    ['an organization has it', { body: { ...asked, org_id: 'acme' } }, '/api/chat/m1/files/2?org_id=acme'],
    [
      'a page does not ask for addresses',
      { body: { ...asked, file_urls: false } },
      /^data:image\/png;base64,/,
    ],
    [
      'nothing is kept of a stream without a name',
      { body: { ...asked, id: undefined, messages: [{ ...message, id: undefined }] } },
      /^data:/,
    ],
  ] satisfies [string, Ask, string | RegExp][])('if %s', async (_name, { body }, expected) => {
    const { ask, url } = await drawn(made('image/png'), body);
    expect(url).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
    if (typeof expected === 'string') expect((await ask(url)).status).toBe(200);
  });

  test.each(['text/html', 'image/svg+xml', 'application/pdf'])(
    'of type %s is for the disk, and nothing that the origin runs',
    async (mediaType) => {
      const { ask, url } = await drawn(made(mediaType));
      const { headers } = await ask(url);
      expect([headers.get('content-type'), headers.get('content-disposition')]).toEqual([
        'application/octet-stream',
        'attachment',
      ]);
    },
  );

  test.each([
    '/api/chat/m1/files/1',
    '/api/chat/m1/files/3',
    '/api/chat/m1/files/99',
    '/api/chat/m2/files/2',
  ])('is not at %s', async (path) => {
    const { ask } = await drawn(made('image/png'));
    expect(await codeOf(await ask(path))).toEqual([404, 'not_found']);
  });

  test('comes back with the history of the page, and the chat goes on', async () => {
    const { ask, url } = await drawn(made('image/png'));
    const reply = { id: 'r1', role: 'assistant', parts: [{ type: 'file', mediaType: 'image/png', url }] };
    const body = { ...asked, messages: [message, reply, { ...message, id: 'm2' }] };
    expect(await (await ask('/api/chat', { body })).text()).toContain('"delta":"More."');
  });
});

test('a smaller file is part of the message', async () => {
  const { url } = await drawn(made('image/png', 'AAAA'));
  expect(url).toBe('data:image/png;base64,AAAA');
});

test('a page without a session sends all that was said, also to have the last reply made anew', async () => {
  const { ask, model } = stage(['One', 'Two'], { uiSessions: false });
  const body = { ...asked, trigger: 'regenerate-message', messageId: 'a1' };
  expect(await (await ask('/api/chat', { body })).text()).toContain('"delta":"One"');
  expect(model.requests[0]?.messages).toEqual([{ role: 'user', content: 'Draw.' }]);
});

import { describe, expect, test } from 'vitest';
import { scripted } from 'sluice/testing';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';

const RUN = '/api/v1/agent/run';

/** The status of a body, and what the model was asked. */
async function asked(body: Uint8Array, type: string, isAnnounced: boolean): Promise<[number, unknown]> {
  const model = scripted('Hi');
  const { fetch } = createServer(new Pipeline([provider(model)]), { auth: false });
  const headers = {
    'content-type': type,
    ...(isAnnounced && { 'content-length': String(body.byteLength) }),
  };
  const request = { method: 'POST', headers, body: Uint8Array.from(body) };
  const { status } = await fetch(new Request(`http://localhost${RUN}`, request));
  return [status, model.requests[0]?.messages[0]?.content];
}

const text = JSON.stringify({ input: 'héllo 🙂' });
const utf8 = new TextEncoder().encode(text);
const latin1 = Uint8Array.from(JSON.stringify({ input: 'héllo' }), (character) => character.charCodeAt(0));

describe.each([
  ['of a known length', true],
  ['of an unknown length', false],
])('a body %s', (_what, isAnnounced) => {
  test.each(['application/json', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"; q=1'])(
    'is read as UTF-8: %s',
    async (type) => {
      expect(await asked(utf8, type, isAnnounced)).toEqual([200, 'héllo 🙂']);
      expect(await asked(Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8), type, isAnnounced)).toEqual([
        ...[200, 'héllo 🙂'],
      ]);
    },
  );

  test('that is not UTF-8 is refused, and not changed', async () => {
    expect(await asked(latin1, 'application/json', isAnnounced)).toEqual([400, undefined]);
    // It ends within a character.
    expect(await asked(utf8.slice(0, -4), 'application/json', isAnnounced)).toEqual([400, undefined]);
  });

  test.each(['iso-8859-1', 'utf-16', '"windows-1252"'])('in %s is refused', async (charset) => {
    const type = `application/json; charset=${charset}`;
    expect(await asked(latin1, type, isAnnounced)).toEqual([415, undefined]);
  });
});

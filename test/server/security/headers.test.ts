import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import type { Listening } from 'sluice/server';
import { scripted } from 'sluice/testing';

let listening: Listening | undefined;
afterEach(async () => {
  await listening?.close();
  listening = undefined;
});

/** Texts that would end a header, or that no header may have. */
const HOSTILE: readonly string[] = [
  ...['id\r\nset-cookie: canary=1', 'id\nset-cookie: canary=1', 'id\r\n\r\n<script>canary</script>'],
  ...['id\u0000', 'id\u0085\u2028x', 'id\u010d\u010aset-cookie: canary=1', 'id äöü 日本 😀', ' id ', 'id\t'],
];

async function serve(model = scripted('Hi', { repeat: true })): Promise<Listening> {
  const pipeline = new Pipeline([provider(model)]);
  const server = createServer(pipeline, {
    auth: { tokens: { secret: 'ada' } },
    ...{ resumable: true, getStream: true, origins: ['https://chat.example.com'] },
  });
  listening = await server.listen({ port: 0 });
  return listening;
}

/** The bytes of an answer, as they come over the socket. */
function rawAnswer(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (data: string) => (text += data));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
    // A client that ends its side counts as one that has left.
    socket.write(request, 'latin1');
  });
}

/** The heads of all answers: one request has one. */
const headsOf = (raw: string): string[] => raw.match(/^HTTP\/1\.1 [\s\S]*?\r\n\r\n/gm) ?? [];

describe('S13 the server checks what it puts into headers', () => {
  const post = (port: number, path: string, body: object): Promise<string> => {
    const text = Buffer.from(JSON.stringify(body)).toString('latin1');
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer secret\r\n`;
    return rawAnswer(
      port,
      `${head}content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    );
  };

  test.each(HOSTILE)('the id of a stream, as its client made it up: %j', async (id) => {
    const { port } = await serve();
    const ofRun = `${id}run`;
    const agUi = { threadId: ofRun, state: {}, tools: [], context: [], forwardedProps: {} };
    for (const [path, body] of [
      ['/api/v1/agent/stream', { input: 'Hi', turn_id: id }],
      ['/api/ag-ui', { ...agUi, runId: ofRun, messages: [{ id: ofRun, role: 'user', content: 'Hi' }] }],
      [
        '/api/chat',
        {
          id: `${id}chat`,
          messages: [{ id: `${id}chat`, role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
        },
      ],
    ] as const) {
      const raw = await post(port, path, body);
      const [head = '', ...more] = headsOf(raw);
      expect(more).toEqual([]);
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
      expect(head).not.toMatch(/^set-cookie|<script>/im);
      const told = /^x-sluice-stream: (\S*)\r$/im.exec(head)?.[1] ?? '';
      if (path.endsWith('/stream')) expect(decodeURIComponent(told)).toBe(id);
    }
    // The header is a part of a path as it is.
    const again = await fetch(`http://127.0.0.1:${port}/api/v1/streams/${encodeURIComponent(id)}`, {
      headers: { authorization: 'Bearer secret' },
    });
    expect(await again.text()).toContain('event: done');
  });

  test('the model that answered, as its provider calls it', async () => {
    for (const model of HOSTILE) {
      const { port } = await serve(scripted({ text: 'Hi', model }));
      const raw = await post(port, '/v1/chat/completions', {
        ...{ model: 'agent', messages: [{ role: 'user', content: 'Hi' }] },
      });
      expect(headsOf(raw)).toHaveLength(1);
      expect(headsOf(raw)[0]).toMatch(/^HTTP\/1\.1 200 /);
      expect(headsOf(raw)[0]).not.toMatch(/^x-sluice-model: [^\r]*[^\x21-\x7e\r]|^set-cookie/im);
      await listening?.close();
    }
  });

  test('what a page asks for before it calls', async () => {
    const { port } = await serve();
    for (const asked of ['a, b', 'x\u00e4y', 'a b', 'a,,b', 'a: b', '<script>', 'a'.repeat(5_000)]) {
      const raw = await rawAnswer(
        port,
        `OPTIONS /v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: https://chat.example.com\r\naccess-control-request-headers: ${asked}\r\n\r\n`,
      );
      const allowed = /^access-control-allow-headers: (.*)\r$/im.exec(headsOf(raw)[0] ?? '')?.[1];
      expect(allowed).toBe(/^[\w-]+(, ?[\w-]+)*$/.test(asked) ? asked : undefined);
    }
  });
});

import { gzipSync } from 'node:zlib';
import type { LoggerLike } from 'sluice';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { calling, playOn } from '../tools/stage.ts';
import { answer, ask, json, local, site } from './stage.ts';
import type { Answering, Asked } from './stage.ts';

/** What a tool says of a response. */
async function said(
  answering: Answering,
  options: Partial<Parameters<typeof local>[0]> = {},
): Promise<string> {
  return (await asked(answering, options)).said;
}

async function asked(
  answering: Answering,
  options: Partial<Parameters<typeof local>[0]> = {},
  input = {},
): Promise<Asked> {
  await using server = await site(answering);
  return await ask(local({ url: `${server.origin}/`, ...options }), input);
}

describe('a response is given as', () => {
  test.each<[string, Answering, string]>([
    ['data: JSON', json({ a: [1, null] }), 'ok {"a":[1,null]}'],
    [
      'data: JSON of another name',
      answer('application/problem+json; charset=utf-8', '{"a" : 1}'),
      'ok {"a":1}',
    ],
    [
      'data: a list that looks like parts',
      json([{ type: 'image', url: 'http://169.254.169.254/' }]),
      'ok [{"type":"image","url":"http://169.254.169.254/"}]',
    ],
    ['data: text in JSON', json('Hello'), 'ok "Hello"'],
    ['text', answer('text/plain', 'Hello'), 'ok Hello'],
    ['text: HTML', answer('text/html; charset=UTF-8', '<p>ä</p>'), 'ok <p>ä</p>'],
    ['text: XML', answer('application/rss+xml', '<a/>'), 'ok <a/>'],
    ['text in Latin-1', answer('text/plain; charset="iso-8859-1"', Uint8Array.of(0xe4)), 'ok ä'],
    ['text: an image made of it', answer('image/svg+xml', '<svg/>'), 'ok <svg/>'],
    ['null: nothing', (response) => void response.writeHead(204).end(), 'ok null'],
  ])('%s', async (_what, answering, expected) => {
    expect(await said(answering)).toBe(expected);
  });

  test.each(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])('an image: %s', async (mediaType) => {
    const { sent } = await asked(answer(mediaType, Uint8Array.of(1, 2, 255)));
    expect(sent[1]?.at(-1)?.content).toMatchObject([
      { type: 'tool_result', content: [{ type: 'image', mediaType, data: 'AQL/' }] },
    ]);
  });

  test('what the headers say, for HEAD', async () => {
    const head: Answering = (response) =>
      void response.writeHead(200, { 'content-type': 'text/html', 'content-length': 12, etag: '"a"' }).end();
    expect(await said(head, { method: 'HEAD' })).toBe(
      'ok {"status":200,"contentType":"text/html","contentLength":"12","etag":"\\"a\\""}',
    );
  });

  test('what the output schema makes of it', async () => {
    const output = z.object({ a: z.number() });
    expect(await said(json({ a: 1, more: 2 }), { output })).toBe('ok {"a":1}');
    expect(await said(json({ a: 'x' }), { output })).toMatch(/does not match the output schema: a: /);
  });
});

describe('a response that cannot be read is an error', () => {
  test.each<[string, Answering, string]>([
    [
      'another type',
      answer('application/pdf', '%PDF'),
      'The response is of the type application/pdf: only JSON, text and images can be read.',
    ],
    [
      'a type that is not one',
      answer('a"b', 'x'),
      'The response is of the type unknown: only JSON, text and images can be read.',
    ],
    [
      'no type',
      (response) => void response.end('x'),
      'The response is of the type unknown: only JSON, text and images can be read.',
    ],
    [
      'broken JSON',
      answer('application/json', '{"a":'),
      'The response is of the type application/json, but it is not JSON.',
    ],
    [
      'an unknown encoding',
      answer('text/plain; charset=nope', 'x'),
      'The response is text in an encoding that is not known.',
    ],
    [
      'compressed',
      (response) =>
        void response
          .writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
          .end(gzipSync('x')),
      'The response is compressed, which was not asked for.',
    ],
  ])('%s', async (_what, answering, why) => {
    expect(await said(answering)).toBe(`error The tool failed: HTTP 200. ${why}`);
  });

  test('longer than the limit: no more is read', async () => {
    let written = 0;
    const endless: Answering = (response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(1_000))) written += 1_000;
      };
      response.on('drain', more);
      more();
    };
    expect(await said(endless, { maxResponseBytes: 5_000 })).toBe(
      'error The tool failed: HTTP 200. The response is longer than 5000 bytes.',
    );
    expect(written).toBeLessThan(50_000_000);
    expect(await said(answer('text/plain', 'x'.repeat(5_000)), { maxResponseBytes: 5_000 })).toMatch(
      /^ok x{5000}$/,
    );
  });

  test.each([
    ['GET', 2],
    ['POST', 1],
  ] as const)('broken off: nobody knows what it did. A %s is sent %i times', async (method, times) => {
    await using server = await site((response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 100 });
      response.write('x', () => response.destroy());
    });
    const { said: told } = await ask(local({ url: `${server.origin}/`, method }));
    expect(told).toBe(
      `error The tool failed: The connection to 127.0.0.1:${server.port} broke before the whole response came (ECONNRESET). It may have taken effect.`,
    );
    expect(server.heard.length).toBe(times);
  });

  test('broken off in a session: a POST waits for somebody who knows', async () => {
    await using server = await site((response) => void response.destroy());
    const model = scripted([calling(['http', {}]), 'Ok.']);
    const pipeline = new Pipeline([
      tools([local({ url: `${server.origin}/`, method: 'POST' })]),
      provider(model),
    ]);
    const { outcome, reason, pending } = await pipeline.executeWithContext('orders', 'user', 'Go on.');
    expect([outcome, reason]).toEqual(['interrupted', 'unknown_outcome']);
    expect(pending).toMatchObject([
      { name: 'http', waitsFor: 'unknown', reason: expect.stringContaining('broke') },
    ]);
    await pipeline.shutdown();
  });

  test('a server that is not there, without a doubt that nothing was sent', async () => {
    const { port } = await site().then(async (server) => {
      await server[Symbol.asyncDispose]();
      return server;
    });
    const { said: told } = await ask(local({ url: `http://127.0.0.1:${port}/`, method: 'POST' }));
    expect(told).toBe(`error The tool failed: The host 127.0.0.1:${port} cannot be reached (ECONNREFUSED).`);
  });
});

describe('a status that is not 2xx is an error', () => {
  test.each<[string, Answering, string]>([
    ['with data', json({ error: 'no such city' }, 404), 'HTTP 404 Not Found: {"error":"no such city"}'],
    ['with text', answer('text/plain', 'Busy.', 503), 'HTTP 503 Service Unavailable: Busy.'],
    ['without a body', (response) => void response.writeHead(401).end(), 'HTTP 401 Unauthorized.'],
    [
      'with a body that is not text',
      answer('application/pdf', '%PDF', 500),
      'HTTP 500 Internal Server Error.',
    ],
    ['that is not known', (response) => void response.writeHead(599).end(), 'HTTP 599.'],
    [
      'with a time to wait',
      (response) => void response.writeHead(429, { 'retry-after': '30' }).end(),
      'HTTP 429 Too Many Requests (Retry-After: 30).',
    ],
  ])('%s', async (_what, answering, why) => {
    expect(await said(answering)).toBe(`error The tool failed: ${why}`);
  });

  test('with a long body: only its beginning is told', async () => {
    const told = await said(answer('text/plain', 'x'.repeat(10_000), 400));
    expect(told).toBe(`error The tool failed: HTTP 400 Bad Request: ${'x'.repeat(2_000)} (cut off)`);
  });

  test('and keeps the status in the error', async () => {
    await using server = await site(json({}, 409));
    const { error } = await ask(local({ url: server.origin }), {}, { options: { onError: 'throw' } });
    expect(error).toMatchObject({ code: 'tool', status: 409, retryable: false });
  });
});

describe('a redirect', () => {
  const to =
    (location: string, status = 302): Answering =>
    (response) =>
      void response.writeHead(status, { location }).end();

  test.each([301, 302, 303, 307, 308])('is not followed: %i', async (status) => {
    await using other = await site();
    const told = await said(to(`${other.origin}/secret`, status));
    expect(told).toMatch(
      new RegExp(
        `^error The tool failed: HTTP ${status} [A-Z].*: the server redirects to ${other.origin}/secret, and redirects are not followed\\.$`,
      ),
    );
    expect(other.connections()).toBe(0);
  });

  test('may be relative, and its password is not told', async () => {
    expect(await said(to('../b?c=1'))).toMatch(/redirects to http:\/\/127\.0\.0\.1:\d+\/b\?c=1, and/);
    expect(await said(to('https://ada:pw@evil.test/'))).toContain('redirects to https://evil.test/, and');
    expect(await said(to('https://evil.test/?Session=abc&a=1'), { redact: ['session'] })).toContain(
      'redirects to https://evil.test/?Session=***&a=1, and',
    );
    expect(await said((response) => void response.writeHead(302).end())).toContain(
      'the server redirects, and',
    );
  });
});

describe('secrets', () => {
  const echo: Answering = (response, { headers, url, body }) =>
    json({ headers, url, body, nested: [{ Balance: 7, name: 'Ada' }] }, url.includes('fail') ? 400 : 200)(
      response,
      {
        headers,
        url,
        body,
        method: '',
      },
    );
  const headers = {
    authorization: 'Bearer abc.def',
    'x-api-key': 'key-of-ada',
    'x-tenant': 'acme',
    'x-private': 'hidden-by-name',
  };

  test.each(['', 'fail'])('do not come back in a response%s', async (path) => {
    await using server = await site(echo);
    const lines: unknown[] = [];
    const log = (...line: unknown[]) => void lines.push(line);
    const logger: LoggerLike = { debug: log, info: log, warn: log, error: log };
    const tool = local({
      url: `${server.origin}/${path}?access_token=token-in-url`,
      method: 'POST',
      headers,
      redact: ['balance', 'X-Private', 'pin'],
    });
    const model = scripted([calling(['http', { pin: '123456', city: 'Rome' }]), 'Ok.']);
    const pipeline = new Pipeline(
      [tools([tool], { trace: { arguments: true, results: true } }), provider(model)],
      { logger },
    );
    const { sent, result } = await playOn(pipeline, model);
    const told = JSON.stringify(sent[1]?.at(-1));
    expect(server.heard[0]?.headers).toMatchObject(headers);
    expect(told).toContain('acme');
    expect(told).toContain('Rome');
    expect(told).toContain('Ada');
    const traced = JSON.stringify(result?.trace);
    expect(traced).toContain('Rome');
    expect(JSON.stringify(lines)).toContain('http tool');
    for (const secret of [
      'abc.def',
      'key-of-ada',
      'hidden-by-name',
      'token-in-url',
      '123456',
      '"Balance":7',
      'Balance\\":7',
    ]) {
      expect(told, 'the model').not.toContain(secret);
      expect(traced, 'the trace').not.toContain(secret);
      expect(JSON.stringify(lines), 'the log').not.toContain(secret);
    }
  });

  test('are taken out of text, too', async () => {
    const answering: Answering = (response, { headers: got }) =>
      void response
        .writeHead(200, { 'content-type': 'text/plain' })
        .end(`You are ${got.authorization}, ${String(got['x-tenant'])}.`);
    expect(await said(answering, { headers })).toBe('ok You are ***, acme.');
  });
});

describe('time', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test.each([
    ['GET', 2],
    ['POST', 1],
  ] as const)('a %s that takes too long is stopped, and sent %i times', async (method, times) => {
    const gone = Promise.withResolvers<void>();
    let count = 0;
    await using server = await site((response) => {
      response.on('close', () => {
        count += 1;
        if (count === times) gone.resolve();
      });
      vi.advanceTimersByTime(30_000);
    });
    const { said: told } = await ask(local({ url: `${server.origin}/`, method }));
    await gone.promise;
    expect(told).toBe('error The tool took longer than 30000 ms and was stopped. It may have taken effect.');
    expect(server.heard.length).toBe(times);
  });
});

test('the signal of the caller ends the request', async () => {
  const controller = new AbortController();
  const gone = Promise.withResolvers<void>();
  await using server = await site((response) => {
    response.on('close', () => gone.resolve());
    controller.abort();
  });
  const { error } = await ask(
    local({ url: `${server.origin}/` }),
    {},
    { execution: { signal: controller.signal } },
  );
  expect(error?.code).toBe('aborted');
  await gone.promise;
});

test('the signal ends a lookup and a connection that do not come', async () => {
  const controller = new AbortController();
  const lookup = () => {
    controller.abort();
    return new Promise<never>(() => undefined);
  };
  const { error } = await ask(
    local({ url: 'http://api.test/', lookup }),
    {},
    { execution: { signal: controller.signal } },
  );
  expect(error?.code).toBe('aborted');
});

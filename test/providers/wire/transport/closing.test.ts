import { expect, it } from 'vitest';
import { providerFetch } from '../../../../providers/wire/index.ts';
import { decodedBody } from '../../../../providers/wire/transport/content-encoding.ts';
import type { Sender } from '../../../../providers/wire/transport/sender.ts';
import { failureOf } from '../../../core/harness.ts';

it('a transport that is closed while its sender is loaded releases it, and sends nothing', async () => {
  const log: string[] = [];
  const sender: Sender = {
    send: async () => {
      log.push('send');
      return new Response();
    },
    release: async () => void log.push('release'),
  };
  const loading = Promise.withResolvers<Sender | undefined>();
  const { fetch, close } = providerFetch({}, () => loading.promise);
  const sent = failureOf(fetch('http://127.0.0.1:1'));
  await close();
  loading.resolve(sender);
  expect(await sent).toMatchObject({ code: 'shutting_down', message: 'The provider is closed.' });
  expect(await failureOf(fetch('http://127.0.0.1:1'))).toMatchObject({ code: 'shutting_down' });
  expect(log).toEqual(['release']);
});

it.each([[{}], [{ dispatch: 1 }], [null], ['agent']])('a dispatcher is not %j', (dispatcher) => {
  expect(() => providerFetch({ dispatcher })).toThrow('dispatcher is not an undici dispatcher');
});

it('an encoding that is not known is named in the error, unless the status is one', () => {
  const body = { take: () => undefined, wait: (wake: () => void) => wake(), cancel: () => undefined };
  expect(() => decodedBody(body, 200, 'gzip, Foo, bar')).toThrow(
    'The response has the content encoding gzip, foo, bar, which is not supported.',
  );
  expect(() => decodedBody(body, 200, 'x'.repeat(100))).toThrow(`encoding ${'x'.repeat(60)}, which`);
  expect(() => decodedBody(body, 399, 'gzip,gzip,gzip,gzip')).toThrow('gzip, gzip, gzip, gzip');
  expect(decodedBody(body, 400, 'foo')).toBe(body);
  expect(decodedBody(body, 200, ['identity', ' UTF-8'])).toBe(body);
  expect(decodedBody(body, 200, undefined)).toBe(body);
  expect(decodedBody(body, 200, 'gzip,gzip,gzip')).not.toBe(body);
});

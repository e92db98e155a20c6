import { expect, it } from 'vitest';
import { providerFetch } from '../../../../providers/wire/index.ts';
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

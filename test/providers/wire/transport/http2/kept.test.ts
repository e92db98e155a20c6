import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { providerFetch } from '../../../../../providers/wire/index.ts';
import { rawBodyOf } from '../../../../../providers/wire/transport/raw-body.ts';
import { transports } from '../support.ts';
import { tlsServer, trustServers, turns } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

it('the body of a request is not kept once its response has begun', async () => {
  using _trusted = trustServers();
  await using server = await tlsServer(({ stream }) => {
    stream.resume();
    stream.respond({ ':status': 200 });
    stream.write('it goes on');
  });
  const fetch = transport({});
  async function send(): Promise<{ sent: WeakRef<Uint8Array>; response: Response }> {
    const body = new Uint8Array(100_000);
    return { sent: new WeakRef(body), response: await fetch(server.url, { method: 'POST', body }) };
  }
  const { sent, response } = await send();
  await turns(20);
  if (typeof collect === 'function') collect();
  expect(sent.deref()).toBeUndefined();
  rawBodyOf(response).cancel();
});

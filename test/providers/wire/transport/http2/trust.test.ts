import { syncBuiltinESMExports } from 'node:module';
import tls, { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, expect, it, vi } from 'vitest';
import { providerFetch } from '../../../../../providers/wire/index.ts';
import { transports } from '../support.ts';
import { tlsServer, trustServers } from './support.ts';

const { transport, closeAll } = transports(providerFetch);

afterEach(async () => {
  await closeAll();
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

it('connections that are made at the same time share the certificates that are trusted', async () => {
  using _trusted = trustServers();
  await using server = await tlsServer(({ stream }) => stream.respond({ ':status': 200 }));
  const create = vi.spyOn(tls, 'createSecureContext');
  syncBuiltinESMExports();
  const fetch = transport({ http2: { streamsPerConnection: 1 } });
  await Promise.all(Array.from({ length: 8 }, () => fetch(server.url)));
  expect(server.sessions.length).toBeGreaterThanOrEqual(8);
  expect(create.mock.calls.length).toBeLessThan(4);
});

it('a later connection trusts what the program has set until then', async () => {
  using _restored = { [Symbol.dispose]: () => setDefaultCACertificates(before) };
  const before = getCACertificates('default');
  await using server = await tlsServer(({ stream, session }) => {
    stream.respond({ ':status': 200 });
    stream.end();
    session.close();
  });
  const fetch = transport({});
  await expect(fetch(server.url)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  using _trusted = trustServers();
  await expect(fetch(server.url)).resolves.toMatchObject({ status: 200 });
});

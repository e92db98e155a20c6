import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endsWithUs } from '../../../../support/ends-with-us.ts';
import { serverCertificate, tlsServer, type Arrived } from './support.ts';

const module = new URL('../../../../../providers/wire/index.ts', import.meta.url).href;

it('an idle HTTP/2 connection does not keep the process alive, nor does one that was made ahead', async () => {
  let greeted = 0;
  const answer = ({ stream }: Arrived): void => {
    stream.respond({ ':status': 200 });
    stream.end('whole');
  };
  await using server = await tlsServer(answer, {
    // The second connection is never made.
    SNICallback: (_name, callback) => (++greeted === 1 ? callback(null) : undefined),
  });
  const url = server.url.replace('127.0.0.1', 'localhost');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-exit-'));
  const file = join(folder, 'ca.pem');
  await writeFile(file, serverCertificate().cert);
  const script = `
    // No time limit ends it.
    globalThis.setTimeout = () => ({ unref() {} });
    import { providerFetch } from ${JSON.stringify(module)};
    const { fetch } = providerFetch({ http2: { streamsPerConnection: 2 } });
    const texts = await Promise.all([1, 2].map(async () => (await fetch(${JSON.stringify(url)})).text()));
    console.log(texts.join());
  `;
  const child = endsWithUs(
    spawn(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  // It never calls close().
  const [code] = await once(child, 'exit');
  await rm(folder, { recursive: true });
  expect([code, said, greeted]).toEqual([0, 'whole,whole\n', 2]);
});

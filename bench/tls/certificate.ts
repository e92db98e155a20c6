import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A certificate for 127.0.0.1, with its key. */
export interface Certificate extends Disposable {
  tls: { key: string; cert: string };
  /** Makes a process trust it. This is how the documentation of Node.js adds an authority, and every contestant honors it. */
  env: { NODE_EXTRA_CA_CERTS: string };
}

/** Makes a certificate. Its file is deleted afterwards. ECDSA with P-256, as hosted providers have. */
export async function makeCertificate(): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  const folder = mkdtempDisposableSync(join(tmpdir(), 'sluice-bench-'));
  const file = join(folder.path, 'cert.pem');
  writeFileSync(file, cert);
  return {
    tls: { key, cert },
    env: { NODE_EXTRA_CA_CERTS: file },
    [Symbol.dispose]: () => folder.remove(),
  };
}

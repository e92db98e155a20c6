import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { expect, test } from 'vitest';
import { ask, local, site } from './stage.ts';

/** Makes the sockets of this process look a name up themselves, whatever they are told, as another runtime might. */
function deafSockets(): Disposable {
  const { connect } = net;
  Object.assign(net, { connect: ({ port }: { port: number }) => connect({ host: '127.0.0.1', port }) });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]() {
      Object.assign(net, { connect });
      syncBuiltinESMExports();
    },
  };
}

test('an address that was not checked is noticed before anything is sent', async () => {
  await using server = await site();
  using _deaf = deafSockets();
  const lookup = () => Promise.resolve(['93.184.215.14']);
  const tool = local({ url: `http://api.test:${server.port}/`, allowAddresses: [], lookup });
  expect((await ask(tool)).said).toMatch(/^error .* has an address that is not allowed\.$/);
  expect([server.connections(), server.heard]).toEqual([1, []]);
});

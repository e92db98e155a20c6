// A program with two copies of the package: its own, and the one that a plugin brought along.
import process from 'node:process';
import * as plugin from 'plugin';
import * as sluice from 'sluice';
import * as middleware from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

const mine = { ...sluice, ...middleware };
const theirs = { ...plugin.sluice, ...plugin.middleware };

const named = { name: 'm', model: 'm-1' };
const answer = (copy, content) => () =>
  copy.Stream.from([{ type: 'content', content }], { finishReason: 'stop' });
const through = (copy) => copy.compose((_context, next) => next());

// The parts of a pipeline of the host, made by a guest: the other copy.
const stacks = {
  terminal: (guest) => [guest.terminal(named, answer(guest, 'hi'))],
  'terminal in compose': (guest, host) => [
    guest.compose(through(host), host.terminal(named, answer(guest, 'hi'))),
  ],
  'terminal that is run': (guest) => {
    const inner = guest.terminal(named, answer(guest, 'hi'));
    return [through(guest), (context) => context.run(inner)];
  },
  'terminal in the wrong place': (guest, host) => [guest.terminal(named, answer(guest, 'hi')), through(host)],
  provider: (guest) => [guest.provider(demo())],
  'built-in middleware': (guest) => [
    guest.logging(),
    guest.retry(),
    guest.timeout({ idleMs: 60_000 }),
    guest.provider(demo()),
  ],
  stream: (guest, host) => [host.terminal(named, answer(guest, 'hi'))],
  source: (guest, host) => [
    host.terminal(named, () => {
      const batches = [[{ type: 'content', content: 'hi' }], guest.end({ finishReason: 'stop' })];
      return host.Stream.fromSource({
        // A promise, so that a source that is read forever does not block the process.
        pull: () => Promise.resolve(batches.shift() ?? Promise.reject(new Error('read after its end'))),
        close: () => undefined,
      });
    }),
  ],
  error: (guest) => [
    guest.terminal(named, () => {
      throw new guest.SluiceError('overloaded', 'busy');
    }),
  ],
};

async function outcomeOf(run) {
  try {
    const { response, model, trace } = await run();
    const calls = trace.filter(({ kind }) => kind === 'call').length;
    return `${response.content.split('!')[0]} from ${model} in ${calls} call`;
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
}

async function streamed(pipeline) {
  const stream = pipeline.executeStream('user', 'hi');
  for await (const chunk of stream) void chunk;
  return stream.result;
}

/** Whether a stream of the guest that never ends is closed, once, when its reader leaves. */
async function closes(guest, host) {
  const closed = [];
  const body = () =>
    guest.Stream.fromSource({
      pull: async () => [{ type: 'content', content: 'a' }],
      close: (error) => void closed.push(error.code),
    });
  const stream = new host.Pipeline([host.terminal(named, body)]).executeStream('user', 'hi');
  await stream.next();
  await stream.close();
  return `closed: ${closed}`;
}

const found = {};
for (const [guest, host] of [
  [theirs, mine],
  [mine, theirs],
]) {
  for (const [name, stack] of Object.entries(stacks)) {
    const make = () => new host.Pipeline(stack(guest, host));
    found[name] ??= new Set();
    found[name].add(await outcomeOf(() => make().execute('user', 'hi')));
    found[name].add(await outcomeOf(() => streamed(make())));
  }
  found['stream that is closed'] ??= new Set();
  found['stream that is closed'].add(await closes(guest, host));
}
process.stdout.write(JSON.stringify(found, (_key, value) => (value instanceof Set ? [...value] : value)));

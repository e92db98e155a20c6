// A process of its own that runs turns whose tool waits: it says that it is in the tool, and ends it when it is told to.
import { Pipeline, isSluiceError } from '../../../src/index.ts';
import { provider } from '../../../middleware/index.ts';
import { tool, tools } from '../../../middleware/tools.ts';
import { scripted } from '../../../testing/index.ts';
import { openStore } from '../open-store.ts';
import type { StoreSpec } from '../open-store.ts';

/** What the process is told: to run a turn, or to end its tool. */
export type Told =
  | { run: string; key: { owner: string; id: string }; onBusy: 'queue' | 'supersede'; idempotent: boolean }
  | 'end the tool';

/** What it says: that it is ready, that it is in the tool, or what its run has come to. */
export type Said =
  | 'ready'
  | 'in the tool'
  | { outcome: string; content: string; replayed: boolean; asked: number }
  | { code: string };

const store = await openStore(JSON.parse(process.argv[2] ?? '') as StoreSpec);
const say = (said: Said): void => void process.send?.(said);
let end = Promise.withResolvers<void>();
process.on('disconnect', () => process.exit(0));
process.on('message', (told: Told) => {
  if (told === 'end the tool') end.resolve();
  else void run(told).then(say);
});
say('ready');

async function run({ run: turnId, key, onBusy, idempotent }: Exclude<Told, string>): Promise<Said> {
  end = Promise.withResolvers();
  const work = tool({
    ...{ name: 'work', description: 'Works', idempotent, onUnknownOutcome: idempotent ? 'retry' : 'fail' },
    input: { jsonSchema: { type: 'object' } },
    execute: async () => {
      say('in the tool');
      await end.promise;
      return `done by ${process.pid}`;
    },
  });
  // A turn that goes on is asked only for what is not recorded: the answer depends on what it is sent.
  const model = scripted(
    ({ messages }) => (messages.at(-1)?.role === 'tool' ? 'Done.' : { toolCalls: [{ name: 'work' }] }),
    { repeat: true },
  );
  const pipeline = new Pipeline([tools([work]), provider(model)], { store });
  try {
    const { outcome, response, replayed } = await pipeline.executeWithContext(key, 'user', 'Go on.', {
      turnId,
      onBusy,
    });
    const { content } = response;
    return { outcome, content, replayed: replayed === true, asked: model.requests.length };
  } catch (error) {
    if (isSluiceError(error)) return { code: error.code };
    throw error;
  }
}

// A process of its own that runs turns whose tool waits: it says that it is in the tool, and ends it when it is told to.
import { Pipeline, decide, isSluiceError } from '../../../src/index.ts';
import type { ExecutionResult } from '../../../src/index.ts';
import { provider } from '../../../middleware/index.ts';
import { tool, tools } from '../../../middleware/tools.ts';
import type { Tool } from '../../../middleware/tools.ts';
import { scripted } from '../../../testing/index.ts';
import { openStore } from '../open-store.ts';
import type { StoreSpec } from '../open-store.ts';

/** What the process is told: to run a turn, to approve a call, or to end its tool. */
export type Told =
  | { what: 'run'; turnId: string; key: Key; onBusy: OnBusy; calls: 'read' | 'send' | 'pay' }
  | { what: 'approve'; turnId: string; key: Key; onBusy: OnBusy; call: string }
  | { what: 'end the tool' };

/** What it says: that it is ready, that it is in the tool, or what its run has come to. */
export type Said =
  | 'ready'
  | 'in the tool'
  | { outcome: string; content: string; replayed: boolean; asked: number; pending: string[] }
  | { code: string };

interface Key {
  owner: string;
  id: string;
}
type OnBusy = 'queue' | 'supersede';

const store = await openStore(JSON.parse(process.argv[2] ?? '') as StoreSpec);
const say = (said: Said): void => void process.send?.(said);
let end = Promise.withResolvers<void>();
process.on('disconnect', () => process.exit(0));
process.on('message', (told: Told) => {
  if (told.what === 'end the tool') end.resolve();
  else void run(told).then(say);
});
say('ready');

/** `read` is idempotent, `send` is not, and `pay` waits for an approval. */
function gatedTool(name: 'read' | 'send' | 'pay'): Tool {
  const unknown = { read: 'retry', send: 'fail', pay: 'ask' } as const;
  return tool({
    ...{ name, description: 'Works', input: { jsonSchema: { type: 'object' } }, idempotent: name === 'read' },
    ...{ onUnknownOutcome: unknown[name], needsApproval: name === 'pay' ? true : undefined },
    execute: async () => {
      say('in the tool');
      await end.promise;
      return `done by ${process.pid}`;
    },
  });
}

async function run(told: Exclude<Told, { what: 'end the tool' }>): Promise<Said> {
  end = Promise.withResolvers();
  // A turn that goes on is asked only for what is not recorded: the answer depends on what it is sent.
  const model = scripted(
    ({ messages }) => {
      const last = messages.at(-1);
      return last?.role === 'tool' ? 'Done.' : { toolCalls: [{ name: String(last?.content) }] };
    },
    { repeat: true },
  );
  const list = [gatedTool('read'), gatedTool('send'), gatedTool('pay')];
  const pipeline = new Pipeline([tools(list), provider(model)], { store });
  try {
    const { outcome, response, replayed, pending = [] } = await executed(pipeline, told);
    return {
      ...{ outcome, content: response.content, replayed: replayed === true },
      ...{ asked: model.requests.length, pending: pending.map(({ callId }) => callId) },
    };
  } catch (error) {
    if (isSluiceError(error)) return { code: error.code };
    throw error;
  }
}

function executed(
  pipeline: Pipeline,
  told: Exclude<Told, { what: 'end the tool' }>,
): Promise<ExecutionResult> {
  const { key, turnId, onBusy } = told;
  if (told.what === 'run') return pipeline.executeWithContext(key, 'user', told.calls, { turnId, onBusy });
  const decisions = decide({ [told.call]: { approve: true } });
  return pipeline.executeWithContext(key, decisions, { turnId, onBusy });
}

import { setTimeout as delay } from 'node:timers/promises';
import { contextKey } from '../../../src/index.ts';
import { tool } from '../../../middleware/tools.ts';
import type { Tool, ToolRun } from '../../../middleware/tools.ts';
import type { KillWord } from './lines.ts';
import { doneText } from './plan.ts';

/** The session value that `add` sets for each of its calls. */
export const ranKey = (callId: string): string => `ran.${callId}`;

const input = {
  jsonSchema: { type: 'object', properties: { ms: { type: 'number' } }, required: ['ms'] },
};

/** The tools of a run. Each writes down when it begins and when it ends. */
export function killTools(write: (word: KillWord) => void): Tool[] {
  const made = (
    name: string,
    options: { idempotent?: boolean; parallel?: boolean; needsApproval?: boolean; onUnknownOutcome?: 'ask' },
    ends: (run: ToolRun) => string,
  ): Tool =>
    tool({
      ...{ name, description: `The tool ${name}`, input, onUnknownOutcome: 'fail', ...options },
      ...(options.idempotent === true && { onUnknownOutcome: 'retry' as const }),
      execute: async (given: unknown, run) => {
        const { callId: call, idempotencyKey, approval } = run;
        const turn = idempotencyKey.slice(0, -call.length - 1);
        write({ what: 'started', turn, call, tool: name, ...(approval && { by: approval.by }) });
        await delay(msOf(given));
        write({ what: 'finished', turn, call });
        return ends(run);
      },
    });
  return [
    made('add', { idempotent: true }, ({ callId, session }) => {
      session?.set(contextKey<boolean>(ranKey(callId)), true);
      return doneText(callId);
    }),
    made('send', {}, ({ callId }) => doneText(callId)),
    made('alone', { parallel: false }, ({ callId }) => doneText(callId)),
    made('pay', { needsApproval: true, onUnknownOutcome: 'ask' }, ({ callId }) => doneText(callId)),
    made('fails', {}, () => {
      throw new Error('broken');
    }),
  ];
}

function msOf(given: unknown): number {
  return typeof given === 'object' && given !== null && 'ms' in given ? Number(given.ms) : 0;
}

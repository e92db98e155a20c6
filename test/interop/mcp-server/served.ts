import { Pipeline } from '../../../src/index.ts';
import { mcpServer } from '../../../interop/mcp-server/index.ts';
import type { McpServerOptions, McpToolServer } from '../../../interop/mcp-server/index.ts';
import { provider } from '../../../middleware/index.ts';
import { agentTool, tool } from '../../../middleware/tools.ts';
import { scripted } from '../../../testing/index.ts';
import * as z from 'zod';

/** What tools that do not end have heard. */
export interface Heard {
  /** Resolves when the tool `waits` runs. */
  runs: PromiseWithResolvers<void>;
  /** Resolves when its signal has aborted. */
  aborted: PromiseWithResolvers<void>;
}

const PIXEL = 'iVBORw0KGgo=';

/** The tools that are offered in these tests. */
function tools(heard?: Heard) {
  const input = z.object({});
  return [
    tool({
      name: 'weather',
      description: 'The weather of a city',
      input: z.object({ city: z.string().min(2) }),
      execute: ({ city }) => ({ city, degrees: 21 }),
    }),
    tool({
      name: 'files',
      description: 'Parts of all kinds',
      input,
      execute: () => [
        { type: 'text', text: 'Look:' },
        { type: 'image', data: PIXEL, mediaType: 'image/png' },
        { type: 'file', data: 'AAAA', mediaType: 'audio/wav' },
        { type: 'file', data: 'AAAA', mediaType: 'application/pdf', filename: 'a b.pdf' },
        { type: 'file', url: 'https://example.com/far.pdf', mediaType: 'application/pdf' },
      ],
    }),
    tool({
      name: 'fails',
      description: 'Fails',
      input,
      execute: () => {
        throw new Error('Broken: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789');
      },
    }),
    tool({
      name: 'steps',
      description: 'Tells its progress',
      input,
      execute: async (_input, { progress }) => {
        progress({ progress: 1, total: 2, message: 'half' });
        progress('almost');
        await new Promise(setImmediate);
        return 'Done.';
      },
    }),
    tool({
      name: 'refund',
      description: 'Pays money back',
      input,
      needsApproval: true,
      execute: () => 'Paid.',
    }),
    tool({
      name: 'waits',
      description: 'Waits for its signal',
      input,
      execute: async (_input, { signal }) => {
        heard?.runs.resolve();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        heard?.aborted.resolve();
        return 'Aborted.';
      },
    }),
    agentTool(new Pipeline([provider(scripted('It is sunny.', { repeat: true }))]), {
      name: 'poet',
      description: 'Writes poems',
    }),
  ];
}

/** A server of them. */
export const served = (options: Partial<McpServerOptions> = {}, heard?: Heard): McpToolServer =>
  mcpServer(tools(heard), {
    name: 'ours',
    version: '1.2.3',
    instructions: 'Ask for the weather.',
    ...options,
  });

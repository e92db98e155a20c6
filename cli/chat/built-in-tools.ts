import * as z from 'zod';
import { tool } from '../../middleware/tools.ts';
import type { Tool } from '../../middleware/tools.ts';
import { calculate } from '../../providers/demo/index.ts';

/** The tools of a chat with the demo model: what a tool call looks like can be seen without a key. */
export function builtInTools(now: () => Date = () => new Date()): Tool[] {
  return [
    tool({
      name: 'calculator',
      description: 'Calculates an arithmetic expression of numbers, + - * / % ^ and parentheses.',
      input: z.object({ expression: z.string() }),
      execute: ({ expression }) => calculate(expression),
    }),
    tool({
      name: 'current_time',
      description: 'The date and the time now, in UTC.',
      input: z.object({}),
      execute: () => now().toISOString(),
    }),
  ];
}

import * as z from 'zod';
import { tool } from '../../middleware/tools.ts';
import type { Tool } from '../../middleware/tools.ts';
import { calculate } from '../../providers/demo/index.ts';

/** A calculator. */
export function calculator(): Tool {
  return tool({
    name: 'calculator',
    description: 'Calculates an arithmetic expression of numbers, + - * / % ^ and parentheses.',
    input: z.object({ expression: z.string() }),
    execute: ({ expression }) => calculate(expression),
  });
}

/** The tools of a chat with the demo model: what a tool call looks like can be seen without a key. */
export function builtInTools(now: () => Date = () => new Date()): Tool[] {
  return [
    calculator(),
    tool({
      name: 'current_time',
      description: 'The date and the time now, in UTC.',
      input: z.object({}),
      execute: () => now().toISOString(),
    }),
    tool({
      name: 'send_postcard',
      description: 'Sends a postcard. This is a demo: it goes nowhere.',
      input: z.object({ to: z.string(), text: z.string() }),
      needsApproval: true,
      execute: ({ to }) => `The postcard to ${to} is in a letterbox that does not exist.`,
    }),
  ];
}

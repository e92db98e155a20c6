// An agent as a tool: one pipeline asks another one, and both are one execution. Runs on the demo model, without a key.
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { agentTool, tool, tools } from 'sluice/middleware/tools';
import { demo } from 'sluice/providers/demo';
import * as z from 'zod';

const calculate = tool({
  name: 'calculate',
  description: 'Evaluates the product of two whole numbers',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => {
    const [, left, right] = /^\s*(\d+)\s*\*\s*(\d+)\s*$/.exec(expression) ?? [];
    if (left === undefined || right === undefined) throw new Error('Only products of two whole numbers.');
    return Number(left) * Number(right);
  },
});

// Each pipeline has its own model, prices and tools.
const model = demo({ wordDelayMs: 0 });
await using mathematics = new Pipeline([cost(), tools([calculate]), provider(model)]);

const mathematician = agentTool(mathematics, {
  name: 'mathematician',
  description: 'Answers questions about numbers',
  // What the agent does is reported as it happens.
  progress: (chunk) => (chunk.type === 'tool_call' ? `calls ${chunk.name}` : undefined),
});

await using assistant = new Pipeline([cost(), tools([mathematician]), provider(model)]);

const stream = assistant.executeStream('user', 'Ask the mathematician to compute 6 * 7');
for await (const chunk of stream) {
  if (chunk.type === 'tool_call') console.log(`> ${chunk.name} ${JSON.stringify(chunk.arguments)}`);
  if (chunk.type === 'tool_progress') console.log(`  ${chunk.name} ${String(chunk.data)}`);
  if (chunk.type === 'tool_result') console.log(`< ${chunk.content.split('\n')[0]}`);
}

// Calls, tokens and money of the agent are in the sums of the execution, and its spans hang under its call.
const { usage, cost: spent, trace } = await stream.result;
const calls = trace.filter(({ kind }) => kind === 'call').length;
console.log(`${calls} model calls, ${usage.totalTokens} tokens, $${spent.totalUsd}`);
for (const { parentId, kind, name } of trace) {
  let depth = 0;
  for (let above = parentId; above !== undefined; above = trace.find((span) => span.id === above)?.parentId)
    depth++;
  console.log(`${'  '.repeat(depth)}${kind} ${name}`);
}

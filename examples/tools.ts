// Tools by hand: offer them, collect the finished calls, run them, send the results back. A `tool_call` chunk is final; a `tool_call_delta` is not.
import { Pipeline, type Message, type Part, type ToolDefinition } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

const calculate: ToolDefinition = {
  name: 'calculate',
  description: 'Evaluates an arithmetic expression.',
  parameters: {
    type: 'object',
    properties: { expression: { type: 'string' } },
    required: ['expression'],
  },
};

/** Arguments are written by a model: check them before you use them. */
function run(name: string, given: unknown): string {
  if (name !== 'calculate' || typeof given !== 'object' || given === null || !('expression' in given))
    throw new Error('no such tool, or no expression');
  const [, left, right] = /^\s*(\d+)\s*\*\s*(\d+)\s*$/.exec(String(given.expression)) ?? [];
  if (left === undefined || right === undefined) throw new Error('only products of two whole numbers');
  return String(Number(left) * Number(right));
}

await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))]);
const conversation: Message[] = [{ role: 'user', content: 'Please calculate 6 * 7' }];

for (let round = 0; round < 4; round++) {
  const stream = pipeline.executeStream(conversation, {
    tools: [calculate],
    parameters: { toolChoice: 'auto' },
  });
  const results: Part[] = [];
  for await (const chunk of stream) {
    if (chunk.type === 'content') process.stdout.write(chunk.content);
    // A call that the provider has run itself already has its answer.
    if (chunk.type === 'tool_call' && chunk.providerExecuted !== true) {
      const { id, name, invalid } = chunk;
      console.log(`${name}(${JSON.stringify(chunk.arguments)})`);
      try {
        if (invalid !== undefined) throw new Error(invalid.reason);
        results.push({ type: 'tool_result', id, name, content: run(name, chunk.arguments) });
      } catch (error) {
        results.push({ type: 'tool_result', id, name, content: String(error), isError: true });
      }
    }
  }
  const { messages, response } = await stream.result;
  if (response.finishReason !== 'tool_calls') break;
  // `messages` is the conversation so far, with the answer of the model. Send all of it back.
  conversation.splice(0, conversation.length, ...messages, { role: 'tool', content: results });
}

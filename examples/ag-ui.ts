// AG-UI: a run that waits for an approval, and the run that answers it. The requests are those of an `HttpAgent`; `@ag-ui/client` makes them in a page.
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { createServer } from 'sluice/server';
import { scripted } from 'sluice/testing';
import * as z from 'zod';

const refund = tool({
  name: 'refund',
  description: 'Pays money back',
  input: z.object({ amount: z.number() }),
  needsApproval: ({ amount }) => amount > 50 && { reason: 'More than 50' },
  execute: ({ amount }) => `paid ${amount}`,
});
const model = scripted([
  { toolCalls: [{ name: 'refund', arguments: { amount: 80 } }] },
  'The money is on its way.',
]);
const pipeline = new Pipeline([tools([refund]), provider(model)]);
const server = createServer(pipeline, { auth: { tokens: { 'secret-of-ada': 'ada' } } });

interface Event {
  type: string;
  delta?: string;
  content?: string;
  outcome?: { type: string; interrupts?: { id: string; message: string }[] };
}

async function run(runId: string, more: object = {}): Promise<Event[]> {
  const messages = [{ id: 'm1', role: 'user', content: 'I want my money back.' }];
  const request = new Request('http://localhost/api/ag-ui', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret-of-ada' },
    body: JSON.stringify({ threadId: 'thread-1', runId, messages, tools: [], context: [], ...more }),
  });
  const text = await (await server.fetch(request)).text();
  return [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json) as Event);
}

const first = await run('run-1');
console.log('asked:', first.map(({ type }) => type).join(' '));
const [interrupt] = first.at(-1)?.outcome?.interrupts ?? [];
console.log('waits:', interrupt?.message);

const resume = [{ interruptId: interrupt?.id, status: 'resolved', payload: { approved: true } }];
const second = await run('run-2', { messages: [], resume });
console.log('result:', second.find(({ type }) => type === 'TOOL_CALL_RESULT')?.content);
console.log(
  'said:',
  second.map(({ type, delta = '' }) => (type === 'TEXT_MESSAGE_CONTENT' ? delta : '')).join(''),
);
await server.close();

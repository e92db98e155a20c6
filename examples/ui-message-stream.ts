// A chat page with the AI SDK, without its page: the requests that `useChat` makes, and what it gets. A tool asks for approval, and the turn goes on in the same message.
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
  { text: 'One moment.', toolCalls: [{ name: 'refund', arguments: { amount: 80 } }] },
  'The money is on its way.',
]);
const pipeline = new Pipeline([tools([refund]), provider(model)]);
// A token is needed everywhere but on this machine alone.
const server = createServer(pipeline, { auth: { tokens: { 'secret-of-ada': 'ada' } } });

interface Chunk {
  type: string;
  toolCallId?: string;
  delta?: string;
  output?: unknown;
}

/** What `DefaultChatTransport` sends, and the chunks that come back. */
async function send(messages: object[]): Promise<Chunk[]> {
  const request = new Request('http://localhost/api/chat', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret-of-ada' },
    body: JSON.stringify({ id: 'chat-1', trigger: 'submit-message', version: 7, messages }),
  });
  const text = await (await server.fetch(request)).text();
  return [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json) as Chunk);
}

const question = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'I want my money back.' }] };
const first = await send([question]);
console.log('asked:', first.map(({ type }) => type).join(' '));

const waiting = first.find(({ type }) => type === 'tool-approval-request');
const approved = {
  type: 'dynamic-tool',
  toolName: 'refund',
  toolCallId: waiting?.toolCallId,
  state: 'approval-responded',
  input: { amount: 80 },
  approval: { id: waiting?.toolCallId, approved: true },
};
const second = await send([question, { id: 'reply-m1', role: 'assistant', parts: [approved] }]);
console.log('output:', second.find(({ type }) => type === 'tool-output-available')?.output);
console.log('said:', second.map(({ type, delta = '' }) => (type === 'text-delta' ? delta : '')).join(''));
await server.close();

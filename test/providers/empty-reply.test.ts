import { describe, expect, it } from 'vitest';
import { Pipeline, isSluiceError } from 'sluice';
import type { Message, Part } from 'sluice';
import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';

const WIRES = ['openai-chat', 'openai-responses', 'anthropic-messages'] as const;
const QUESTION: Message = { role: 'user', content: 'Turn the light on.' };
const CALL: Part = { type: 'tool_call', id: 'call_1', name: 'light', arguments: { on: true } };
const RESULT: Part = { type: 'tool_result', id: 'call_1', name: 'light', content: 'done' };
const ROUND: Message[] = [
  QUESTION,
  { role: 'assistant', content: [CALL] },
  { role: 'tool', content: [RESULT] },
];

/** The content of a reply without any output, or the code of its error. */
async function emptyReply(wire: (typeof WIRES)[number], messages: Message[]): Promise<string> {
  await using server = await faultServer();
  const streams = {
    'openai-chat': chatStream(),
    'openai-responses': responsesStream(),
    'anthropic-messages': messagesStream(),
  };
  server.enqueue({ stream: streams[wire] });
  const model =
    wire === 'anthropic-messages'
      ? anthropic({ baseURL: server.anthropicBaseURL, apiKey: 'none' })
      : openai({
          baseURL: server.openaiBaseURL,
          apiKey: 'none',
          api: wire === 'openai-chat' ? 'chat' : 'responses',
        });
  await using pipeline = new Pipeline([provider(model)], { own: true });
  try {
    const { outcome, response } = await pipeline.execute(messages);
    return `${outcome} "${response.content}" (${response.finishReason})`;
  } catch (error) {
    if (isSluiceError(error)) return error.code;
    throw error;
  }
}

describe.each(WIRES)('a reply of %s that ends without any output', (wire) => {
  it('is truncated after a plain question', async () => {
    expect(await emptyReply(wire, [QUESTION])).toBe('truncated');
  });

  it('is a completed empty reply after the results of tools', async () => {
    expect(await emptyReply(wire, ROUND)).toBe('completed "" (stop)');
  });

  it("is a completed empty reply after results in the user's message", async () => {
    const messages: Message[] = [...ROUND.slice(0, 2), { role: 'user', content: [RESULT] }];
    expect(await emptyReply(wire, messages)).toBe('completed "" (stop)');
  });

  it('is truncated if the user says more after the results', async () => {
    const more: Part = { type: 'text', text: 'And now the other one.' };
    const messages: Message[] = [...ROUND.slice(0, 2), { role: 'user', content: [RESULT, more] }];
    expect(await emptyReply(wire, messages)).toBe('truncated');
  });

  it('is a completed empty reply after calls that the provider ran itself', async () => {
    const call: Part = { ...CALL, providerExecuted: true };
    const messages: Message[] = [QUESTION, { role: 'assistant', content: [call] }];
    expect(await emptyReply(wire, messages)).toBe('completed "" (stop)');
  });
});

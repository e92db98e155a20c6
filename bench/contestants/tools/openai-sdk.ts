import OpenAI from 'openai';
import { TOOL, weatherIn } from '../../upstream/tool.ts';
import { API_KEY, MODEL, PROMPT } from '../reader.ts';
import type { Open } from '../reader.ts';

type Message = OpenAI.ChatCompletionMessageParam;
type ToolCall = OpenAI.ChatCompletionMessageFunctionToolCall;

const tools: OpenAI.ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: TOOL.name,
      description: TOOL.description,
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

/** The loop by hand, as the guide to function calling has it. */
export const open: Open = ({ baseURL }) => {
  const client = new OpenAI({ baseURL, apiKey: API_KEY });

  return async function read(seen) {
    const messages: Message[] = [{ role: 'user', content: PROMPT }];
    for (;;) {
      const stream = await client.chat.completions.create({
        model: MODEL,
        messages,
        tools,
        stream: true,
        stream_options: { include_usage: true },
      });
      const calls: ToolCall[] = [];
      for await (const chunk of stream) {
        const delta = chunk.choices[0]?.delta;
        if (delta?.content) seen(delta.content);
        for (const piece of delta?.tool_calls ?? []) add(calls, piece);
      }
      if (calls.length === 0) return;
      messages.push({ role: 'assistant', content: null, tool_calls: calls });
      for (const { id, function: asked } of calls) {
        const { city } = JSON.parse(asked.arguments) as { city: unknown };
        messages.push({ role: 'tool', tool_call_id: id, content: await weatherIn(city) });
      }
    }
  };
};

function add(calls: ToolCall[], piece: OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall): void {
  const call = (calls[piece.index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } });
  call.id += piece.id ?? '';
  call.function.name += piece.function?.name ?? '';
  call.function.arguments += piece.function?.arguments ?? '';
}

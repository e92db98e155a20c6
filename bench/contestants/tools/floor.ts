import { TOOL, weatherIn } from '../../upstream/tool.ts';
import { API_KEY, MODEL, PROMPT } from '../reader.ts';
import type { Open } from '../reader.ts';

interface CallPiece {
  id?: string;
  function: { name?: string; arguments?: string };
}

interface ChatChunk {
  choices: { delta: { content?: string | null; tool_calls?: CallPiece[] } }[];
}

const tools = [
  {
    type: 'function',
    function: {
      name: TOOL.name,
      description: TOOL.description,
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

const headers = { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` };

/** The minimum: two requests, each event parsed, the pieces of one call joined. */
export const open: Open = ({ baseURL }) => {
  const url = `${baseURL}/chat/completions`;

  return async function read(seen) {
    const messages: object[] = [{ role: 'user', content: PROMPT }];
    for (;;) {
      let id = '';
      let name = '';
      let given = '';
      for await (const { choices } of events(url, messages)) {
        const delta = choices[0]?.delta;
        if (delta?.content) seen(delta.content);
        const piece = delta?.tool_calls?.[0];
        if (piece === undefined) continue;
        id += piece.id ?? '';
        name += piece.function.name ?? '';
        given += piece.function.arguments ?? '';
      }
      if (id === '') return;
      const { city } = JSON.parse(given) as { city: unknown };
      messages.push(
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id, type: 'function', function: { name, arguments: given } }],
        },
        { role: 'tool', tool_call_id: id, content: weatherIn(city) },
      );
    }
  };
};

/** The events of one request, read to the end of the body, so that its connection is used again. */
async function* events(url: string, messages: readonly object[]): AsyncGenerator<ChatChunk> {
  const body = JSON.stringify({
    model: MODEL,
    messages,
    tools,
    stream: true,
    stream_options: { include_usage: true },
  });
  const response = await fetch(url, { method: 'POST', headers, body });
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  const decoder = new TextDecoder();
  let rest = '';
  let done = false;
  for await (const bytes of response.body) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const data = part.slice('data: '.length);
      if (data === '[DONE]') done = true;
      else yield JSON.parse(data) as ChatChunk;
    }
  }
  if (!done) throw new Error('The stream ended without [DONE].');
}

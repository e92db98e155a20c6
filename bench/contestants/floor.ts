import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open, Reader, Upstream } from './reader.ts';

interface ChatChunk {
  choices: { delta: { content?: string | null } }[];
}

/** The minimum: fetch, split at blank lines, parse each event. */
export const open: Open = (upstream) => readerOf(upstream, { toTheEnd: false });

/** Returns at `[DONE]`, or reads on to the end of the body. */
export function readerOf({ baseURL }: Upstream, { toTheEnd }: { toTheEnd: boolean }): Reader {
  const body = JSON.stringify({
    model: MODEL,
    messages: [{ role: 'user', content: PROMPT }],
    stream: true,
    stream_options: { include_usage: true },
  });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` };

  return async function read(seen) {
    const response = await fetch(`${baseURL}/chat/completions`, { method: 'POST', headers, body });
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    const decoder = new TextDecoder();
    let rest = '';
    let done = false;
    for await (const bytes of response.body) {
      const events = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = event.slice('data: '.length);
        if (data === '[DONE]') {
          if (!toTheEnd) return;
          done = true;
          break;
        }
        const chunk = JSON.parse(data) as ChatChunk;
        const piece = chunk.choices[0]?.delta.content;
        if (piece) seen(piece);
      }
    }
    if (!done) throw new Error('The stream ended without [DONE].');
  };
}

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Characters of one piece of text: about a token. */
const PIECE = 4;

/** An object of about so many characters, as a model would write it. */
export function objectText(characters: number): string {
  const items: object[] = [];
  let length = 0;
  for (let id = 0; length < characters; id++) {
    const item = {
      id,
      name: `Item number ${id}`,
      tags: ['red', 'round'],
      price: id * 1.5,
      note: 'It is fine "as is".',
    };
    items.push(item);
    length += JSON.stringify(item).length + 1;
  }
  return JSON.stringify({ items });
}

/** The body of a streamed answer of Chat Completions with that text. */
function bodyOf(text: string): string {
  const event = (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({
      ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'mock' },
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`;
  let body = event({ role: 'assistant', content: '' });
  for (let at = 0; at < text.length; at += PIECE) body += event({ content: text.slice(at, at + PIECE) });
  const usage = { prompt_tokens: 1, completion_tokens: Math.ceil(text.length / PIECE), total_tokens: 1 };
  const last = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'mock',
    choices: [],
    usage,
  };
  return `${body}${event({}, 'stop')}data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`;
}

const bodies = new Map<number, Buffer>();

/** Answers each request with an object. The path says how large it is: `/100000/v1/chat/completions`. */
const server = createServer((request, response) => {
  const size = Number(/^\/(\d+)\//.exec(request.url ?? '')?.[1]);
  let body = bodies.get(size);
  if (body === undefined) bodies.set(size, (body = Buffer.from(bodyOf(objectText(size)))));
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
  });
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

import { Pipeline } from 'sluice';
import type { Provider } from 'sluice';
import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, messagesStream, responsesStream } from 'sluice/testing';
import { logger } from '../../contestants/the-five.ts';
import { expectLength, repeated } from './prepare.ts';
import type { Prepare } from './prepare.ts';

type Fetch = typeof globalThis.fetch;

const EVENTS_PER_READ = 16;
const NAME = 'write';

/** Tool calls with long arguments in OpenAI's Chat Completions. */
export const chatArguments: Prepare = calling(chatStream, (fetch) => openai({ apiKey: 'none', fetch }));

/** The same in OpenAI's Responses. */
export const responsesArguments: Prepare = calling(responsesStream, (fetch) =>
  openai({ api: 'responses', apiKey: 'none', fetch }),
);

/** The same in Anthropic's Messages. */
export const messagesArguments: Prepare = calling(messagesStream, (fetch) =>
  anthropic({ apiKey: 'none', fetch }),
);

function calling(
  made: typeof chatStream | typeof responsesStream | typeof messagesStream,
  open: (fetch: Fetch) => Provider,
): Prepare {
  return async function prepare(length, times) {
    const content = 'abc '.repeat(length / 4);
    const { lines, wire } = made({ toolCalls: [{ name: NAME, arguments: { content } }] });
    const reads = readsOf(wire === 'openai-chat' ? [...lines, '[DONE]'] : lines);
    const pipeline = new Pipeline([provider(open(async () => responseOf(reads)))], { logger });
    return () =>
      repeated(times, async () => {
        const { response } = await pipeline.execute('user', 'Go on.');
        expectLength(
          JSON.stringify(response.toolCalls[0]?.arguments).length,
          JSON.stringify({ content }).length,
        );
      });
  };
}

/** Encodes the events of an answer, 16 per read. */
function readsOf(lines: readonly string[]): Uint8Array[] {
  const encoder = new TextEncoder();
  const reads: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at += EVENTS_PER_READ) {
    const events = lines.slice(at, at + EVENTS_PER_READ).map((line) => `data: ${line}\n\n`);
    reads.push(encoder.encode(events.join('')));
  }
  return reads;
}

function responseOf(reads: readonly Uint8Array[]): Response {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const read = reads[at++];
      if (read === undefined) controller.close();
      else controller.enqueue(read);
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

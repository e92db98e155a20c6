import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chatCompletion, chatCompletions } from '../../../server/formats/chat-completions.ts';
import { sentError } from '../../../server/formats/errors.ts';
import type { EncoderOptions, ErrorBody, Format } from '../../../server/formats/format.ts';
import { response, responses } from '../../../server/formats/responses.ts';
import { parseChatCompletion } from '../../../server/requests/chat-completions.ts';
import type { OpenAISettings } from '../../../server/requests/openai-fields.ts';
import type { ParsedRequest } from '../../../server/requests/request.ts';
import { parseResponse } from '../../../server/requests/responses.ts';
import { pipeToNode } from '../../../server/sse.ts';
import { liveStream } from '../../../server/stream/live.ts';
import type { SentItem, SentStream } from '../../../server/stream/sent-stream.ts';
import type { Pipeline } from '../../../src/index.ts';

/** A server with the two routes of OpenAI over one pipeline, on a real socket. */
export interface OpenAIApp extends AsyncDisposable {
  /** What an official client is given as `baseURL`. */
  readonly baseURL: string;
  /** The bodies that came, in order. */
  readonly bodies: unknown[];
}

interface Route {
  format: Format;
  parse(body: unknown, settings: OpenAISettings): ParsedRequest;
  answer(items: SentItem[], encoder: EncoderOptions, id: string, retries: number): ErrorBody;
}

const ROUTES: Readonly<Partial<Record<string, Route>>> = {
  '/v1/chat/completions': { format: chatCompletions, parse: parseChatCompletion, answer: chatCompletion },
  '/v1/responses': { format: responses, parse: parseResponse, answer: response },
};

/** Starts it on a free port. */
export async function openaiApp(pipeline: Pipeline, settings: OpenAISettings = {}): Promise<OpenAIApp> {
  const bodies: unknown[] = [];
  const server = createServer((request, answer) => void serve(request, answer));
  async function serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const route = ROUTES[request.url ?? ''];
    const retries = Number(request.headers['x-stainless-retry-count'] ?? 0);
    const send = ({ status, headers, body }: ErrorBody): void => {
      answer.writeHead(status, { 'content-type': 'application/json', ...headers });
      answer.end(JSON.stringify(body));
    };
    const text = await textOf(request);
    if (route === undefined) {
      answer.writeHead(404).end();
      return;
    }
    try {
      const body: unknown = JSON.parse(text);
      bodies.push(body);
      const { input, options, encoder, stream } = route.parse(body, settings);
      const execution = pipeline.executeStream(input, options);
      if (stream) await pipeToNode(execution, answer, { format: route.format, encoder, retries });
      else
        send(
          route.answer(await itemsOf(liveStream(execution, { turnId: 'turn-1' })), encoder, 'req-1', retries),
        );
    } catch (error) {
      send(route.format.error(sentError(error), 'req-1', retries));
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** All that a stream says. */
export async function itemsOf(stream: SentStream): Promise<SentItem[]> {
  const items: SentItem[] = [];
  for (let read = await stream.next(); read !== undefined; read = await stream.next()) items.push(...read);
  return items;
}

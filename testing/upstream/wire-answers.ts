import type { ErrorCode, FinishReason } from '../../src/index.ts';
import { chatStream } from './chat-stream.ts';
import type { FaultResponse } from './fault-response.ts';
import type { FaultServer } from './fault-server.ts';
import type { MadeText, MadeToolCall, MadeUsage } from '../made-stream.ts';
import { messagesStream } from './messages-stream.ts';
import {
  anthropicError,
  chatErrorLine,
  messagesErrorLine,
  openaiError,
  responsesErrorLine,
} from './provider-errors.ts';
import type { ProviderErrorOptions } from './provider-errors.ts';
import { responsesStream } from './responses-stream.ts';
import type { Wire, WireStream } from './wires.ts';

/** Contents of an answer on any wire. */
export interface Made {
  readonly text?: MadeText;
  readonly thinking?: MadeText;
  readonly toolCalls?: readonly MadeToolCall[];
  readonly usage?: MadeUsage;
}

/** Makes answers in one wire format. */
export interface WireAnswers {
  baseURL(server: FaultServer): string;
  stream(made: Made): Required<Pick<WireStream, 'lines' | 'wire'>>;
  error(status: number, options?: ProviderErrorOptions): FaultResponse;
  /** An error event after status 200, and the error code it must get. */
  readonly lateError: { readonly line: string; readonly code: ErrorCode };
  /** Streams with other finish reasons than the usual one. */
  readonly stops: readonly { readonly stream: WireStream; readonly finishReason: FinishReason }[];
}

const SAID = { text: 'Rivers run' };

/** The answers for each wire. */
export const wireAnswers: Readonly<Record<Wire, WireAnswers>> = {
  'openai-chat': {
    baseURL: (server) => server.openaiBaseURL,
    stream: ({ thinking, ...made }) =>
      chatStream({ ...made, ...(thinking !== undefined && { reasoning: thinking }) }),
    error: openaiError,
    lateError: { line: chatErrorLine({ status: 429 }), code: 'rate_limited' },
    stops: [
      { stream: chatStream({ ...SAID, finishReason: 'length' }), finishReason: 'length' },
      { stream: chatStream({ ...SAID, finishReason: 'content_filter' }), finishReason: 'content_filter' },
    ],
  },
  'openai-responses': {
    baseURL: (server) => server.openaiBaseURL,
    stream: ({ thinking, ...made }) =>
      responsesStream({
        ...made,
        ...(thinking !== undefined && { reasoning: thinking, encryptedContent: 'sealed' }),
      }),
    error: openaiError,
    lateError: { line: responsesErrorLine({ status: 429 }), code: 'rate_limited' },
    stops: [
      { stream: responsesStream({ ...SAID, incomplete: 'max_output_tokens' }), finishReason: 'length' },
      { stream: responsesStream({ ...SAID, incomplete: 'content_filter' }), finishReason: 'content_filter' },
    ],
  },
  'anthropic-messages': {
    baseURL: (server) => server.anthropicBaseURL,
    stream: messagesStream,
    error: anthropicError,
    lateError: { line: messagesErrorLine(), code: 'overloaded' },
    stops: [
      { stream: messagesStream({ ...SAID, stopReason: 'max_tokens' }), finishReason: 'length' },
      {
        stream: messagesStream({ ...SAID, stopReason: 'stop_sequence', stopSequence: '.' }),
        finishReason: 'stop',
      },
      { stream: messagesStream({ ...SAID, stopReason: 'refusal' }), finishReason: 'refusal' },
      { stream: messagesStream({ ...SAID, stopReason: 'pause_turn' }), finishReason: 'pause' },
    ],
  },
};

/** The number of the event that contains a piece of text. */
export function eventWith(stream: WireStream, piece: string): number {
  const event = stream.lines.findIndex((line) => line.includes(piece));
  if (event < 0) throw new Error(`No event of the stream contains ${piece}.`);
  return event;
}

import type { FaultResponse, RecordedRequest } from '../../testing/index.ts';
import { chatStream, openaiError } from '../../testing/index.ts';

/** What a client of the soak asks the model for: the upstream reads it from the message. */
export interface Wish {
  /** The number of the stream. */
  number: number;
  /** How many pieces of text. */
  pieces: number;
  /** How long each of them is, in characters. */
  characters: number;
  /** The time between two, in milliseconds. */
  everyMs: number;
  /** What goes wrong with the first request for it. Each request after that is answered whole. */
  fault?: 'refused' | 'reset' | 'truncated' | undefined;
}

/** One piece of the text: its number, and dots. */
export const pieceOf = (number: number, { characters }: Wish): string => `${number} `.padEnd(characters, '.');

/** Answers requests for wishes as a provider does that fails now and then. */
export function upstream(): (request: RecordedRequest) => FaultResponse {
  const failed = new Set<number>();
  return ({ body }) => {
    const wish = wishIn(body);
    const { number, pieces, everyMs: intervalMs } = wish;
    const whole: FaultResponse = {
      stream: chatStream({ text: Array.from({ length: pieces }, (_, piece) => pieceOf(piece, wish)) }),
      intervalMs,
    };
    if (wish.fault === undefined || failed.delete(number)) return whole;
    failed.add(number);
    const at = { event: 1 + (number % pieces) };
    switch (wish.fault) {
      case 'refused':
        return openaiError(503);
      case 'reset':
        return { ...whole, fault: { kind: 'rst', at } };
      case 'truncated':
        return { ...whole, fault: { kind: 'eof', at } };
    }
  };
}

function wishIn(body: unknown): Wish {
  const messages: unknown = Reflect.get(Object(body), 'messages');
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  return JSON.parse(String(Reflect.get(Object(last), 'content')));
}

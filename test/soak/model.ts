import type { Middleware } from '../../src/index.ts';
import { delay } from '../../src/kit/index.ts';

/** What a client of the soak asks the model for: the model reads it from the message. */
export interface Wish {
  /** How many pieces of text. */
  pieces: number;
  /** How long each of them is, in characters. */
  characters: number;
  /** The time between two, in milliseconds. */
  everyMs: number;
}

/** One piece of the text: its number, and dots. */
export const pieceOf = (number: number, { characters }: Wish): string => `${number} `.padEnd(characters, '.');

/** A model that says what the last message wishes. */
export function wished(): Middleware {
  return async function* wished(context) {
    const content = context.request.messages.at(-1)?.content;
    const wish: Wish = JSON.parse(typeof content === 'string' ? content : '{}');
    for (let number = 0; number < wish.pieces; number++) {
      await delay(wish.everyMs, context.signal);
      yield { type: 'content', content: pieceOf(number, wish) };
    }
    return { finishReason: 'stop' };
  };
}

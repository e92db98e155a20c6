/**
 * Bytes that somebody else writes into a stream: a proxy, a crashed server, a broken cable. Each kind is one that can never pass for
 * a part of the reply, so that whatever is delivered must be right: what garbage within a text would look like text itself
 * (a letter, say) is not among them, nobody could tell.
 */
export interface Garbage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const kind = (name: string, bytes: string | readonly number[]): Garbage => ({
  name,
  bytes: typeof bytes === 'string' ? Buffer.from(bytes) : Uint8Array.from(bytes),
});

/** 64 bytes of control characters and halves of characters, without an end of line. */
const RUBBISH = Array.from({ length: 64 }, (_, at) =>
  at % 3 === 0 ? 1 + (at % 8) : 128 + ((at * 29) % 128),
);

/** The kinds of garbage. */
export const GARBAGE: readonly Garbage[] = [
  kind('rubbish', RUBBISH),
  kind('an HTML page', '\n<html><body>502 Bad Gateway</body></html>\n'),
  kind('a byte that is no UTF-8', [0xff]),
  kind('half a character', [0xe2, 0x82]),
  kind('a NUL', [0]),
  kind('an end of line', '\n'),
  kind('a carriage return', '\r'),
  kind('a blank line', '\n\n'),
  kind('a word and a blank line', 'garbage\n\n'),
  kind('a comment', '\n: keep-alive\n'),
  kind('an unknown field', '\ngarbage: x\n'),
  kind('an unknown field in front', 'garbage: x\n'),
  kind('an unknown event', '\n\ndata: {"x":1}\n\n'),
];

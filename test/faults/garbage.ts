/**
 * Bytes that do not belong to a stream, written by a proxy or a crashed server. None of them can be mistaken for a part of the reply, so that
 * everything that is delivered must be correct. (A single letter inside of a text, for example, could not be detected.)
 */
export interface Garbage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const kind = (name: string, bytes: string | readonly number[]): Garbage => ({
  name,
  bytes: typeof bytes === 'string' ? Buffer.from(bytes) : Uint8Array.from(bytes),
});

/** 64 bytes of control characters and parts of characters, without a line end. */
const RUBBISH = Array.from({ length: 64 }, (_, at) =>
  at % 3 === 0 ? 1 + (at % 8) : 128 + ((at * 29) % 128),
);

/** The kinds of garbage. */
export const GARBAGE: readonly Garbage[] = [
  kind('rubbish', RUBBISH),
  kind('an HTML page', '\n<html><body>502 Bad Gateway</body></html>\n'),
  kind('a byte that is not UTF-8', [0xff]),
  kind('half a character', [0xe2, 0x82]),
  kind('a NUL', [0]),
  kind('a line end', '\n'),
  kind('a carriage return', '\r'),
  kind('a blank line', '\n\n'),
  kind('a word and a blank line', 'garbage\n\n'),
  kind('a comment', '\n: keep-alive\n'),
  kind('an unknown field', '\ngarbage: x\n'),
  kind('the name of an unknown field', 'garbage: x\n'),
  kind('an unknown event', '\n\ndata: {"x":1}\n\n'),
];

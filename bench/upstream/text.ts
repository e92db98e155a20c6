/**
 * The answer to every call, in pieces of about one token. It contains letters outside of ASCII, quotes and line ends, so that decoders need all
 * of JSON and UTF-8.
 */
const PIECES = [
  'The', ' river', ' ran', ' slowly', ',', ' past', ' the', ' café', ' where', ' Zoë', ' said', ' "', 'wait', '"', ' and', ' smiled',
  '.', '\n\n', 'It', ' cost', ' 12', ' €', ';', ' nobody', ' minded', ' —', ' not', ' even', ' the', ' ferryman', ' 🙂', '.', ' So',
  ' they', ' stayed', ' until', ' the', ' light', ' was', ' gone', '.', '\n',
]; // prettier-ignore

/** The piece of the answer at an index. */
export function pieceAt(index: number): string {
  return PIECES[index % PIECES.length] ?? '';
}

/** The whole answer with this many chunks, which each contestant must deliver. */
export function answerOf(chunks: number): string {
  let text = '';
  for (let index = 0; index < chunks; index++) text += pieceAt(index);
  return text;
}

/**
 * The answer that every call gets: pieces of about a token each, with letters beyond ASCII, quotes and line ends among them, so that no
 * decoder gets away with less than the whole of JSON and UTF-8.
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

/** The whole answer of so many chunks: what each contestant must deliver. */
export function answerOf(chunks: number): string {
  let text = '';
  for (let index = 0; index < chunks; index++) text += pieceAt(index);
  return text;
}

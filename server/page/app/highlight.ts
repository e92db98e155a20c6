import { el } from './dom.ts';

/** Code above this length stays plain, in characters: it is drawn again with each piece that comes. */
const MOST = 20_000;

/** How comments begin, by the name of the language. Others have those of C. */
const COMMENTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    'python py ruby rb sh bash shell zsh yaml yml toml dockerfile makefile r perl'
      .split(' ')
      .map((name) => [name, '#[^\\n]*']),
  ),
  ...Object.fromEntries('sql lua haskell hs'.split(' ').map((name) => [name, '--[^\\n]*'])),
  ...Object.fromEntries(
    'html xml svg vue markdown md'.split(' ').map((name) => [name, '<!--(?:[^-]|-(?!->))*(?:-->)?']),
  ),
  ...Object.fromEntries('json text txt plain diff'.split(' ').map((name) => [name, '(?!)'])),
};
const OF_C = '\\/\\/[^\\n]*|\\/\\*(?:[^*]|\\*(?!\\/))*(?:\\*\\/)?';
const STRINGS =
  '"""(?:[^"]|"(?!""))*(?:""")?|"(?:[^"\\\\\\n]|\\\\.)*"?|\'(?:[^\'\\\\\\n]|\\\\.)*\'|`(?:[^`\\\\]|\\\\[^])*`?';
const NUMBERS = '\\b(?:0x[\\da-f]+|\\d[\\d_]*(?:\\.\\d+)?(?:e[+-]?\\d+)?)\\b';
/** Words that mean the same in many languages. */
const KEYWORDS =
  'abstract and as assert async await break case catch class const constructor continue def default del do elif else enum except export extends extern false False finally fn for foreach from func function global if impl implements import in instanceof interface is lambda let loop match mod mut namespace new nil None not null or override package pass private protected pub public raise readonly require return select self static struct super switch this throw throws trait true True try type typeof undefined union unsafe use using val var void where while with yield begin end then fi done SELECT FROM WHERE JOIN LEFT ON GROUP ORDER BY LIMIT INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE AND OR NOT NULL AS';
const WORDS = `\\b(?:${KEYWORDS.split(' ').join('|')})\\b`;
/** Text, in which words and marks are those of a person. */
const PLAIN = /^(?:text|txt|plain|markdown|md|log|console|output)$/;

const patterns = new Map<string, RegExp>();

function patternOf(language: string): RegExp {
  const comments = COMMENTS[language] ?? OF_C;
  let pattern = patterns.get(comments);
  if (pattern === undefined) {
    pattern = new RegExp(`(${comments})|(${STRINGS})|(${NUMBERS})|(${WORDS})`, 'g');
    patterns.set(comments, pattern);
  }
  return pattern;
}

const KINDS = ['comment', 'string', 'number', 'keyword'] as const;

/** Code with its comments, strings, numbers and keywords told apart, for any language about right. */
export function highlighted(code: string, language: string): (Node | string)[] {
  const name = language.toLowerCase();
  if (code.length > MOST || PLAIN.test(name)) return [code];
  const pieces: (Node | string)[] = [];
  let from = 0;
  for (const match of code.matchAll(patternOf(name))) {
    const kind = KINDS.find((_, at) => match[at + 1] !== undefined);
    if (kind === undefined) continue;
    if (match.index > from) pieces.push(code.slice(from, match.index));
    pieces.push(el('span', { class: kind, text: match[0] }));
    from = match.index + match[0].length;
  }
  if (from < code.length) pieces.push(code.slice(from));
  return pieces;
}

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

/** The texts that are checked: every page and every source file. */
const CHECKED = [
  '*.md',
  'docs/**/*.md',
  'bench/*.md',
  '{bench,cli,conversation,examples,middleware,providers,scripts,src,stores,testing,test}/**/*.ts',
];

/** Generated pages, installed packages, and this file, which quotes the words it looks for. */
const LEFT_OUT = [
  '**/node_modules/**',
  'bench/RESULTS.md',
  'bench/SESSIONS.md',
  'bench/TLS.md',
  'test/wording/plain-english.test.ts',
];

/** Words that a reader stumbles over, and what to write instead. */
const STUMBLING_BLOCKS: readonly (readonly [found: RegExp, instead: string])[] = [
  [/\bmend(s|ed|ing)?\b/gi, 'fix, or what to do'],
  [/(?<!\bthere )\b(is|are|was|were) none\b/gi, 'there is no ..., or: is not a ...'],
  [/(?<!\bthere )\bis no (?!longer|more|less|different|limit|need|point|way|reason)/gi, 'is not a ...'],
  [/\bby now\b/gi, 'already, or nothing'],
  [/\bof its own accord\b/gi, 'by itself'],
  [/\bha(s|ve|d) not[.,;:]/gi, 'does not have'],
  [/\bfor ever\b/gi, 'forever'],
  [/\bwithout a word\b/gi, 'silently'],
  [/\b(hears?|heard) of\b/gi, 'learns, sees, gets'],
  [/\b(tells?|told) of\b/gi, 'reports'],
  [/\bstands? (on|nowhere|in no|in the)\b/gi, 'uses, is in'],
  [/\bcomes? to nothing\b/gi, 'fails'],
  [/\bbehind (its|the) (last|first|end|final)\b/gi, 'after'],
  [/\bwhere (nobody|nothing|none|there is no)\b/gi, 'if nobody, if nothing, if there is no'],
  [/\b(ns|microseconds) a (call|chunk|layer|read)\b/gi, 'per'],
  [/\boutlets?\b/gi, 'the output, or the queue of chunks'],
  [
    /\b\w*(onour|olour|ehaviour)(s|ed|ing)?\b|\bmisspelt\b|\b(normal|serial|summar|recogn)is(e|es|ed|ing)\b/gi,
    'American',
  ],
];

test.each(STUMBLING_BLOCKS)('no text says %s', (found, instead) => {
  const places = CHECKED.flatMap((pattern) => globSync(pattern, { cwd: root, exclude: LEFT_OUT })).flatMap(
    (file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) => [...line.matchAll(found)].map(([word]) => `${file}:${index + 1}: ${word}`)),
  );
  expect(places, `write: ${instead}`).toEqual([]);
});

test('the texts are found', () => {
  for (const pattern of CHECKED) expect(globSync(pattern, { cwd: root }), pattern).not.toEqual([]);
});

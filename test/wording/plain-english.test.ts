import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

/** The files that are checked. Add a folder after its words are fixed. */
const CHECKED = [
  'README.md',
  'CHANGELOG.md',
  'docs/{chat,conversation,dependencies,kit,performance,reliability,providers,requests,sessions,streams,testing,writing-middleware}.md',
  'docs/decisions/{README,0001-*,000[3-9]-*,001[1-9]-*}.md',
  'cli/**/*.ts',
  'conversation/*.ts',
  'examples/*.ts',
  'providers/**/*.ts',
  'src/{call,check-messages,chunks,errors,index,keys,log,messages,middleware,plain-data,provider,request,request-schema,tokens,usage,well-formed}.ts',
  'docs/middleware/*.md',
  'middleware/**/*.ts',
  'src/kit/*.ts',
  'src/{accumulator,context,middleware-error,options,outcome,partial,pipeline,result,trace}.ts',
  'src/{execution,stream,views}/*.ts',
  'test/core/*.ts',
  'docs/internals.md',
  'test/{kit,middleware}/**/*.ts',
  'test/{cli,conversation,docs,examples,fuzz,histories,package,providers,scripts}/**/*.ts',
  'bench/README.md',
  'bench/*.ts',
  'bench/{client,contestants,harness,in-memory,report,sessions,upstream}/*.ts',
  'scripts/**/*.ts',
  'testing/*.ts',
  'testing/{middleware,provider,upstream}/*.ts',
  'test/{faults,performance,support}/**/*.ts',
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
  const places = CHECKED.flatMap((pattern) => globSync(pattern, { cwd: root })).flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => [...line.matchAll(found)].map(([word]) => `${file}:${index + 1}: ${word}`)),
  );
  expect(places, `write: ${instead}`).toEqual([]);
});

test('the texts are found', () => {
  for (const pattern of CHECKED) expect(globSync(pattern, { cwd: root }), pattern).not.toEqual([]);
});

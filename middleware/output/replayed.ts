import { OutputError } from '../../src/index.ts';
import type { Middleware, OutputSchema } from '../../src/index.ts';
import { checkedOutput, inWords } from './answer.ts';
import { preparedOutput } from './prepared.ts';
import { readTolerantly } from './tolerant.ts';

/** Reads the output of a turn that was finished before out of its stored reply. Which mode it was asked in is not stored. */
export const replayedOutput: Middleware = async function* output(context, next) {
  const { output: requested } = context.request;
  let text = '';
  const reply = yield* next().tap((chunk) => {
    // The text of the last reply is the answer.
    if (chunk.type === 'content') text += chunk.content;
    else if (chunk.type === 'tool_result') text = '';
  });
  if (requested === undefined) return reply;
  const output = await outputIn(requested.schema, text);
  return { ...reply, ...(output !== undefined && { output }) };
};

async function outputIn(schema: OutputSchema, text: string): Promise<{ value: unknown } | undefined> {
  const output = preparedOutput(schema);
  const read = readTolerantly(text);
  if ('problem' in read) throw mismatch(read.problem, text);
  let problem = '';
  for (const dialect of ['other', 'openai'] as const) {
    const checked = await checkedOutput(output, output.for(dialect).restore, read.value);
    if ('value' in checked) return checked;
    problem ||= inWords(checked.issues);
  }
  throw mismatch(problem, text);
}

function mismatch(problem: string, text: string): OutputError {
  return new OutputError(`The stored reply of the turn does not match the schema: ${problem}`, { text });
}

import { cpuOf } from '../../client/scenario.ts';
import { continuedAnswers } from './continued.ts';
import { TIMES_AS_LONG, lengthKinds } from './kinds.ts';
import type { ByLength, LengthKind, LengthWork, Lengths } from './kinds.ts';
import type { Prepare } from './prepare.ts';
import { sessionTurns } from './sessions.ts';
import { branches, citations, halves, line } from './text.ts';
import { chatArguments, messagesArguments, responsesArguments } from './tool-arguments.ts';

const preparations: Record<LengthWork, Prepare> = {
  chat_arguments: chatArguments,
  responses_arguments: responsesArguments,
  messages_arguments: messagesArguments,
  continued: continuedAnswers,
  line,
  halves,
  branches,
  citations,
  session: sessionTurns,
};

/** Does one run: of each work the same number of characters or messages, in a hundred short answers and in one long one. */
export async function lengths(): Promise<Lengths> {
  const measured: Lengths = {};
  for (const kind of lengthKinds) measured[kind.id] = await byLength(kind);
  return measured;
}

async function byLength({ id, short }: LengthKind): Promise<ByLength> {
  const prepare = preparations[id];
  const long = short * TIMES_AS_LONG;
  return {
    short: await nsPerUnit(await prepare(short, TIMES_AS_LONG), long),
    long: await nsPerUnit(await prepare(long, 1), long),
  };
}

async function nsPerUnit(work: () => Promise<void>, units: number): Promise<number> {
  return ((await cpuOf(work)) * 1_000) / units;
}

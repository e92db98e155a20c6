/** Work whose cost must be proportional to its length, by the names of its rows. */
export type LengthWork =
  | 'chat_arguments'
  | 'responses_arguments'
  | 'messages_arguments'
  | 'continued'
  | 'line'
  | 'halves'
  | 'branches'
  | 'citations'
  | 'session';

/** How the work is shown, and how long it is. */
export interface LengthKind {
  id: LengthWork;
  label: string;
  unit: 'character' | 'message';
  /** The short length. */
  short: number;
}

/** How many times as long the long answer is. */
export const TIMES_AS_LONG = 100;

const characters = { unit: 'character', short: 4_000 } as const;

export const lengthKinds: readonly LengthKind[] = [
  { id: 'chat_arguments', label: 'arguments of a tool call, Chat Completions', ...characters },
  { id: 'responses_arguments', label: 'arguments of a tool call, Responses', ...characters },
  { id: 'messages_arguments', label: 'arguments of a tool call, Messages', ...characters },
  // An overlap has 65,536 characters at most.
  { id: 'continued', label: 'a text that `retry()` continues', unit: 'character', short: 640 },
  { id: 'line', label: 'one line, with `lines()`', ...characters },
  { id: 'halves', label: 'pieces that end in half a character, with `textStream()`', ...characters },
  { id: 'branches', label: 'two branches of `tee()`', ...characters },
  { id: 'citations', label: 'a text with a citation in each chunk', ...characters },
  { id: 'session', label: 'a turn of a session that is one row of replies', unit: 'message', short: 100 },
];

/** Nanoseconds of processor time for each character or message. */
export interface ByLength {
  short: number;
  long: number;
}

export type Lengths = Partial<Record<LengthWork, ByLength>>;

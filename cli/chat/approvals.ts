import type { Decision, PendingCall } from '../../src/index.ts';
import { jsonLine, oneLine } from '../clean-text.ts';

/** How the user is asked. */
export interface Asking {
  /** Shows a prompt, and a text that can be edited. Resolves to the answer, or to undefined if the input has ended. */
  read(prompt: string, text?: string): Promise<string | undefined>;
  /** Shows one line. */
  tell(line: string): void;
}

const HELP = 'Answer y to allow it, n to refuse it (n and why), or e to change the arguments first.';
const REFUSED = 'The user has refused it.';

/**
 * Asks the user about calls that wait. Resolves to the decisions by the ids of the calls, or to undefined if the input has ended: the calls then still
 * wait.
 */
export async function askAbout(
  calls: readonly PendingCall[],
  asking: Asking,
): Promise<Record<string, Decision> | undefined> {
  const decisions: Record<string, Decision> = {};
  for (const call of calls) {
    for (const line of described(call)) asking.tell(line);
    const decision = await decisionOn(call, asking);
    if (decision === undefined) return undefined;
    decisions[call.callId] = decision;
  }
  return decisions;
}

/** What waits, in lines. The arguments are shown as they will run, without a character that could hide a part of them. */
export function described({ name, arguments: given, reason, waitsFor }: PendingCall): string[] {
  const tool = `${oneLine(name, 80)}${reason === undefined ? '' : ` (${oneLine(reason, 200)})`}`;
  const text = jsonLine(given);
  const rest = text.length - MAX_SHOWN;
  return [
    waitsFor === 'unknown'
      ? `the tool had begun, and may have taken effect: ${tool}. Run it again with these arguments?`
      : `the model wants to run: ${tool}, with these arguments:`,
    ...pieces(text.slice(0, MAX_SHOWN)),
    ...(rest > 0 ? [`note: ${rest} more characters are not shown. Answer e to see them.`] : []),
  ];
}

const MAX_SHOWN = 20_000;
const PIECE = 1_500;

/** A long text in lines: the terminal cuts a longer line. */
function pieces(text: string): string[] {
  const count = Math.ceil(text.length / PIECE);
  return Array.from({ length: count }, (_, at) => text.slice(at * PIECE, (at + 1) * PIECE));
}

async function decisionOn(call: PendingCall, asking: Asking): Promise<Decision | undefined> {
  for (;;) {
    const line = await asking.read('run it? [y/n/e] ');
    if (line === undefined) return undefined;
    const [word = '', ...rest] = line.trim().split(/\s+/);
    switch (word.toLowerCase()) {
      case 'y':
      case 'yes':
        return { approve: true };
      case 'n':
      case 'no':
        return { deny: rest.join(' ') || REFUSED };
      case 'e':
      case 'edit': {
        const edited = await edit(call, asking);
        if (edited !== undefined) return edited;
        break;
      }
      default:
        asking.tell(HELP);
    }
  }
}

/** Undefined if what was written is not JSON: the user is asked again. */
async function edit({ arguments: given }: PendingCall, asking: Asking): Promise<Decision | undefined> {
  const text = await asking.read('arguments: ', jsonLine(given));
  if (text === undefined) return undefined;
  try {
    return { approve: true, arguments: JSON.parse(text) };
  } catch {
    asking.tell('That is not JSON.');
    return undefined;
  }
}

import { oneLine } from '../clean-text.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { isReaderGone } from '../output-writer.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { described } from './approvals.ts';
import type { Chat } from './chat.ts';
import { readPiped } from './read-piped.ts';

/** How long an open pipe may stay silent if there is also a prompt, in milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * Answers once: to the prompt, to the piped input, or to both joined by a blank line. The first interrupt stops the reply; a second one does not wait
 * for its end. Throws a `UsageError` if there is nothing to ask.
 *
 * @param words the prompt; a single `-` among them means to wait for the piped input, however long it takes
 */
export async function answerOnce(
  chat: Chat,
  words: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const stop = new AbortController();
  const left = Promise.withResolvers<ExitCode>();
  using _listening = terminal.onInterrupt(function interrupt() {
    if (stop.signal.aborted) left.resolve(exitCodes.interrupted);
    else stop.abort();
  });
  const prompt = await promptOf(words, chat, terminal, stop.signal);
  if (stop.signal.aborted) return exitCodes.interrupted;
  if (prompt === '') throw new UsageError('There is nothing to ask: give a prompt, or pipe one in.');
  for (const { name } of chat.waiting)
    chat.tell(`note: ${oneLine(name, 80)} waited for a decision; it is withdrawn by this message.`);
  const code = await Promise.race([chat.ask(prompt, stop.signal), left.promise]);
  if (chat.gone.aborted) return codeOfGone(chat);
  if (code !== exitCodes.ok || chat.waiting.length === 0) return code;
  for (const line of chat.waiting.flatMap(described)) chat.tell(line);
  chat.tell(
    'error: nobody can be asked about that here. A conversation, without a prompt and in a terminal, asks: with the same --session also about this.',
  );
  return exitCodes.failed;
}

/** A reader that stops reading is not a failure; a full disk is one. */
function codeOfGone(chat: Chat): ExitCode {
  const reason: unknown = chat.gone.reason;
  if (isReaderGone(reason)) return exitCodes.ok;
  chat.tell(`error: the answer cannot be written: ${reason instanceof Error ? reason.message : 'unknown'}`);
  return exitCodes.failed;
}

async function promptOf(
  words: readonly string[],
  chat: Chat,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<string> {
  const asked = words
    .filter((word) => word !== '-')
    .join(' ')
    .trim();
  const insist = asked === '' || words.includes('-');
  if (terminal.input.isTTY === true && !words.includes('-')) return asked;
  const piped = await readPiped(terminal.input, { signal, patienceMs: insist ? undefined : PATIENCE_MS });
  if (piped === undefined && !signal.aborted) {
    chat.tell(
      `note: nothing came through the pipe in ${PATIENCE_MS / 1000} s; continuing without it. Add "-" to wait for it.`,
    );
  }
  return [asked, piped?.trim() ?? ''].filter((text) => text !== '').join('\n\n');
}

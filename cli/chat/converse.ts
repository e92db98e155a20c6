import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { askAbout } from './approvals.ts';
import type { Chat } from './chat.ts';
import { lineEditor } from './line-editor.ts';

const HELP =
  'Ctrl-C stops a reply or clears the line; on an empty line it exits. /exit and Ctrl-D exit, too.';

/**
 * Runs a conversation: a prompt, a reply, a prompt, until the user exits. If a turn fails, its error is printed, and the conversation goes on.
 *
 * Ctrl-C during a reply stops it. A second Ctrl-C before the first has taken effect exits at once with 130. At the prompt Ctrl-C clears the line. On
 * an empty line it exits with 0, like `/exit` and the end of the input.
 */
export async function converse(chat: Chat, terminal: Terminal): Promise<ExitCode> {
  const left = Promise.withResolvers<ExitCode>();
  let stop: AbortController | undefined;

  function onInterrupt(): void {
    if (stop === undefined) {
      if (editor.line === '') editor.close();
      else editor.clearLine();
    } else if (stop.signal.aborted) {
      left.resolve(exitCodes.interrupted);
    } else {
      editor.dropTypedAhead();
      stop.abort();
    }
  }

  async function takeTurns(): Promise<ExitCode> {
    await decide();
    for (;;) {
      const line = await editor.read();
      if (line === undefined || chat.gone.aborted) return exitCodes.ok;
      const message = line.trim();
      if (isLeaving(message)) return exitCodes.ok;
      if (message === '/help') chat.tell(HELP);
      else if (/^\/[a-z]+$/.test(message))
        chat.tell(`There is no command ${message.slice(0, 40)}. /help lists the commands.`);
      else if (message !== '') {
        await stoppable((signal) => chat.ask(message, signal));
        await decide();
      }
    }
  }

  /** Asks about the calls that wait, until none does or the user leaves. */
  async function decide(): Promise<void> {
    while (chat.waiting.length > 0 && !chat.gone.aborted) {
      // What was typed during the reply is not an answer to a question that the user has not seen.
      editor.dropTypedAhead();
      const decisions = await askAbout(chat.waiting, {
        read: answer,
        tell: (line) => chat.tell(line),
      });
      if (decisions === undefined) return;
      await stoppable((signal) => chat.decide(decisions, signal));
    }
  }

  async function answer(prompt: string, text?: string): Promise<string | undefined> {
    const line = await editor.read(prompt, text);
    if (!isLeaving(line)) return line;
    editor.close();
    return undefined;
  }

  async function stoppable(run: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    stop = new AbortController();
    try {
      await run(stop.signal);
    } finally {
      stop = undefined;
    }
  }

  using editor = lineEditor(terminal, onInterrupt);
  using _listening = terminal.onInterrupt(onInterrupt);
  return await Promise.race([takeTurns(), left.promise]);
}

function isLeaving(line: string | undefined): boolean {
  const word = line?.trim();
  return word === '/exit' || word === '/quit';
}

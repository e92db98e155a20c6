import { stripVTControlCharacters } from 'node:util';

import { describe, expect, it } from 'vitest';

import { openChat } from '../../cli/chat/chat.ts';
import { converse } from '../../cli/chat/converse.ts';
import { SluiceError, textOf } from '../../src/index.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { scripted, type ScriptedProvider } from '../../testing/scripted.ts';
import { fakeTerminal, type FakeTerminal } from './fake-terminal.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const ENTER = '\r';
const PASTE_START = '\u001B[200~';
const PASTE_END = '\u001B[201~';

interface Talk {
  terminal: FakeTerminal;
  /** Resolves with the exit code. */
  left: Promise<number>;
  /** Types a line and waits for the prompt after its reply. */
  say(line: string): Promise<void>;
  /** Waits until the pattern appears after the text that was seen before. */
  sees(pattern: string | RegExp): Promise<void>;
}

async function talk(provider: ScriptedProvider, environment: Record<string, string> = {}): Promise<Talk> {
  const terminal = fakeTerminal({ tty: true, environment });
  const settings = { session: 'chat', json: false, verbose: false, parameters: {}, setting: { environment } };
  const chat = await openChat({ provider, ...settings }, terminal);
  const left = converse(chat, terminal);
  let seen = 0;
  async function sees(pattern: string | RegExp): Promise<void> {
    await terminal.output.until(pattern, seen);
    seen = terminal.output.text.length;
  }
  async function say(line: string): Promise<void> {
    terminal.type(line + ENTER);
    await sees(PROMPT);
  }
  await sees(PROMPT);
  return { terminal, left, say, sees };
}

/** The prompt, redrawn at the start of a line. */
const PROMPT = '\u001B[0J> ';

function conversation(provider: ScriptedProvider): string[] {
  const messages = provider.requests.at(-1)?.messages ?? [];
  return messages.map(
    (message) => `${message.role}${message.partial === true ? ' (partial)' : ''}: ${textOf(message)}`,
  );
}

describe('converse', () => {
  it('answers turn by turn in one session, each with a usage line, and exits at /exit', async () => {
    const model = scripted(['Hello Ann', 'You are Ann']);
    const { terminal, left, say } = await talk(model);
    await say('I am Ann');
    await say('Who am I?');
    terminal.type(`/exit${ENTER}`);
    expect(await left).toBe(0);
    expect(conversation(model)).toEqual(['user: I am Ann', 'assistant: Hello Ann', 'user: Who am I?']);
    expect(terminal.output.text.match(/12 in, 8 out \| cost unknown \| first chunk/g)).toHaveLength(2);
  });

  it('stops the reply at Ctrl-C, keeps the text so far as a partial, and returns to the prompt', async () => {
    const pace = manualGate();
    const model = scripted([{ text: ['One ', 'two ', 'three'], gate: pace.gate }, 'Going on']);
    const { terminal, left, say, sees } = await talk(model);
    terminal.type(`Count${ENTER}`);
    pace.release(2);
    await sees('One two ');
    terminal.type(CTRL_C);
    await sees(/\[stopped \| scripted \| .*\][^]*> /);
    expect(model.calls[0]?.state).toBe('closed');
    await say('Go on');
    expect(conversation(model)).toEqual(['user: Count', 'assistant (partial): One two ', 'user: Go on']);
    terminal.type(CTRL_C);
    expect(await left).toBe(0);
  });

  it('exits at a second Ctrl-C after the first has stopped a reply', async () => {
    const pace = manualGate();
    const { terminal, left, sees } = await talk(scripted({ text: ['One ', 'two'], gate: pace.gate }));
    terminal.type(`Count${ENTER}`);
    pace.release();
    await sees('One ');
    terminal.type(CTRL_C);
    await sees(PROMPT);
    terminal.type(CTRL_C);
    expect(await left).toBe(0);
  });

  it('exits with 130 at a second Ctrl-C before the first has taken effect', async () => {
    const pace = manualGate();
    const { terminal, left, sees } = await talk(scripted({ text: ['One ', 'two'], gate: pace.gate }));
    terminal.type(`Count${ENTER}`);
    pace.release();
    await sees('One ');
    terminal.type(CTRL_C + CTRL_C);
    expect(await left).toBe(130);
  });

  it('treats the interrupt signal like Ctrl-C', async () => {
    const pace = manualGate();
    const { terminal, left, sees } = await talk(scripted({ text: ['One ', 'two'], gate: pace.gate }));
    terminal.type(`Count${ENTER}`);
    pace.release();
    await sees('One ');
    terminal.interrupt();
    await sees(PROMPT);
    terminal.interrupt();
    expect(await left).toBe(0);
  });

  it('clears a typed line at Ctrl-C, and exits if the line is empty', async () => {
    const model = scripted('ok');
    const { terminal, left, say, sees } = await talk(model);
    terminal.type(`never sent${CTRL_C}`);
    await sees(PROMPT);
    await say('sent');
    expect(conversation(model)).toEqual(['user: sent']);
    terminal.type(CTRL_C);
    expect(await left).toBe(0);
  });

  it('exits at Ctrl-D, even during a reply', async () => {
    const first = await talk(scripted([]));
    first.terminal.type(CTRL_D);
    expect(await first.left).toBe(0);

    const pace = manualGate();
    const second = await talk(scripted({ text: ['One ', 'two'], gate: pace.gate }));
    second.terminal.type(`Count${ENTER}`);
    pace.release();
    await second.sees('One ');
    second.terminal.type(CTRL_D);
    pace.open();
    expect(await second.left).toBe(0);
    expect(stripVTControlCharacters(second.terminal.output.text)).toContain('One two');
  });

  it('does not show what is typed during a reply, and sends it afterwards', async () => {
    const pace = manualGate();
    const model = scripted([{ text: ['One ', 'two'], gate: pace.gate }, 'Second reply']);
    const { terminal, left, sees } = await talk(model);
    terminal.type(`Count${ENTER}`);
    pace.release();
    await sees('One ');
    terminal.type(`ahead${ENTER}half`);
    pace.open();
    await sees(/two\n[^]*> ahead\nSecond reply\n[^]*> half/);
    expect(conversation(model).at(-1)).toBe('user: ahead');
    expect(stripVTControlCharacters(terminal.output.text)).toContain('> Count\r\nOne two\n');
    terminal.type(CTRL_C + CTRL_C);
    expect(await left).toBe(0);
  });

  it('drops lines that were typed ahead when the reply is stopped', async () => {
    const pace = manualGate();
    const model = scripted([{ text: ['One ', 'two'], gate: pace.gate }, 'ok']);
    const { terminal, left, say, sees } = await talk(model);
    terminal.type(`Count${ENTER}`);
    pace.release();
    await sees('One ');
    terminal.type(`ahead${ENTER}${CTRL_C}`);
    await sees(PROMPT);
    await say('next');
    expect(conversation(model)).toEqual(['user: Count', 'assistant (partial): One ', 'user: next']);
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });

  it('sends a pasted text of several lines as one message', async () => {
    const model = scripted('ok');
    const { terminal, left, say } = await talk(model);
    await say(`${PASTE_START}first\rsecond\r\rthird${PASTE_END}`);
    expect(conversation(model)).toEqual(['user: first\nsecond\n\nthird']);
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });

  it('prints the error of a turn on one line, and goes on', async () => {
    const model = scripted([{ error: new SluiceError('authentication', 'No such key.') }, 'Hello']);
    const { terminal, left, say } = await talk(model);
    await say('Hi');
    expect(terminal.output.text).toContain(
      '\nerror: authentication: No such key. Does the server need a key?\n',
    );
    await say('Hi again');
    expect(terminal.output.text).toContain('Hello\n');
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });

  it('sends neither an empty line nor an unknown command', async () => {
    const model = scripted([]);
    const { terminal, left, say } = await talk(model);
    await say('  ');
    await say('/help');
    await say('/nothing');
    expect(terminal.output.text).toContain('Ctrl-C stops a reply');
    expect(terminal.output.text).toContain('There is no command /nothing.');
    expect(model.requests).toEqual([]);
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });

  it('shows thinking dimmed on a terminal, separate from the answer', async () => {
    const { terminal, left, say } = await talk(scripted({ thinking: ['Let me ', 'see.'], text: 'Two.' }));
    await say('1 + 1');
    expect(terminal.output.text).toContain(
      '\u001B[2mthinking: Let me \u001B[22m\u001B[2msee.\u001B[22m\n\nTwo.\n\u001B[2m[scripted |',
    );
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });

  it('respects NO_COLOR', async () => {
    const { terminal, left, say } = await talk(scripted({ thinking: 'Hm.', text: 'Two.' }), {
      NO_COLOR: '1',
    });
    await say('1 + 1');
    expect(terminal.output.text).toContain('thinking: Hm.\n\nTwo.\n[scripted |');
    expect(terminal.output.text).not.toContain('\u001B[2m');
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });

  it('removes escape sequences from what the model writes', async () => {
    const { terminal, left, say } = await talk(
      scripted({ text: ['a\u001B]0;pwn', 'ed\u0007b\u001B[2', 'Jc'], thinking: 'x\u001B[2Jy' }),
    );
    await say('Hi');
    expect(terminal.output.text).toContain('abc\n');
    for (const part of ['pwn', '\u001B[2J', '\u001B]']) expect(terminal.output.text).not.toContain(part);
    terminal.type(CTRL_D);
    expect(await left).toBe(0);
  });
});

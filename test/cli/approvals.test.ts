import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';

import { openChat } from '../../cli/chat/chat.ts';
import { converse } from '../../cli/chat/converse.ts';
import { answerOnce } from '../../cli/chat/once.ts';
import { sqliteStore } from '../../stores/sqlite/index.ts';
import { scripted, type ScriptedProvider } from '../../testing/scripted.ts';
import type { ScriptedAnswer } from '../../testing/index.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { resultsIn } from '../middleware/tools/stage.ts';
import { fakeTerminal, type FakeTerminal } from './fake-terminal.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const ENTER = '\r';
const PROMPT = '\u001B[0J> ';
const QUESTION = 'run it? [y/n/e] ';

const postcard = (to: string, text = 'Hello'): ScriptedAnswer => ({
  text: 'I write. ',
  toolCalls: [{ name: 'send_postcard', arguments: { to, text } }],
});

interface Talk {
  terminal: FakeTerminal;
  left: Promise<number>;
  /** Types a line, and waits for what follows. */
  say(line: string, until: string | RegExp): Promise<void>;
  sees(pattern: string | RegExp): Promise<void>;
  /** What is on the screen, as a user reads it. */
  screen(): string;
}

/** The settings of a chat. A model of this name is offered the tools of the chat. */
const settings = {
  session: 'chat',
  json: false,
  verbose: false,
  parameters: {},
  setting: { environment: {} },
};
const demoModel = (answers: ScriptedAnswer[]): ScriptedProvider => scripted(answers, { name: 'demo' });

async function talk(provider: ScriptedProvider, path?: string): Promise<Talk> {
  const terminal = fakeTerminal({ tty: true });
  const store = path === undefined ? undefined : sqliteStore({ path });
  const chat = await openChat({ ...settings, provider, store }, terminal);
  const left = converse(chat, terminal).finally(() => chat.close());
  let seen = 0;
  async function sees(pattern: string | RegExp): Promise<void> {
    await terminal.output.until(pattern, seen);
    seen = terminal.output.text.length;
  }
  async function say(line: string, until: string | RegExp): Promise<void> {
    terminal.type(line + ENTER);
    await sees(until);
  }
  return { terminal, left, say, sees, screen: () => stripVTControlCharacters(terminal.output.text) };
}

async function leave({ terminal, left }: Talk): Promise<void> {
  terminal.type(`/exit${ENTER}`);
  expect(await left).toBe(0);
}

/** Asks for a postcard, and waits for the question. */
async function asked(answers: ScriptedAnswer[]): Promise<Talk & { model: ScriptedProvider }> {
  const model = demoModel([postcard('Ann'), ...answers]);
  const chat = await talk(model);
  await chat.sees(PROMPT);
  await chat.say('Write to Ann', QUESTION);
  return { ...chat, model };
}

describe('a call that needs an approval', () => {
  it('is shown, and runs after y', async () => {
    const chat = await asked(['It is on its way.']);
    expect(chat.screen()).toContain('the model wants to run: send_postcard, with these arguments:');
    expect(chat.screen()).not.toContain('which the chat does not have');
    await chat.say('y', PROMPT);
    expect(chat.screen()).toContain('tool: send_postcard returned The postcard to Ann is in a letterbox');
    expect(chat.screen()).toContain('It is on its way.');
    expect(chat.screen().match(/I write\./g)).toHaveLength(1);
    expect(chat.screen().match(/tool: send_postcard \{/g)).toHaveLength(1);
    await leave(chat);
  });

  it.each([
    ['n', 'The user has refused it.'],
    ['no she has moved', 'she has moved'],
  ])('does not run after %j, and the model is told why', async (line, why) => {
    const chat = await asked(['Then not.']);
    await chat.say(line, PROMPT);
    const [result] = resultsIn(chat.model.requests.at(-1)?.messages);
    expect(result).toContain(why);
    expect(chat.screen()).not.toContain('letterbox');
    expect(chat.screen()).toContain('Then not.');
    await leave(chat);
  });

  it('can be changed before it runs', async () => {
    const chat = await asked(['It is on its way.']);
    await chat.say('e', 'arguments: ');
    expect(chat.screen()).toContain('arguments: {"to":"Ann","text":"Hello"}');
    // Ctrl-U clears the line.
    await chat.say('\u0015{"to":"Bob","text":"Hi"}', PROMPT);
    expect(chat.screen()).toMatch(
      /tool: send_postcard returned .*other arguments: .* The postcard to Bob is/,
    );
    await leave(chat);
  });

  it('is asked about again after arguments that are not JSON, or that the tool refuses', async () => {
    const chat = await asked(['It is on its way.']);
    await chat.say('e', 'arguments: ');
    await chat.say('\u0015{"to":', 'That is not JSON.');
    await chat.sees(QUESTION);
    await chat.say('e', 'arguments: ');
    await chat.say('\u0015{"to":7}', /error: invalid_request: [^]*run it\? \[y\/n\/e\] /);
    expect(chat.model.requests).toHaveLength(1);
    await chat.say('y', PROMPT);
    expect(chat.screen()).toContain('The postcard to Ann');
    await leave(chat);
  });

  it('is asked about again after another word, with a hint', async () => {
    const chat = await asked(['Ok.']);
    await chat.say('perhaps', /Answer y to allow it[^]*run it\? \[y\/n\/e\] /);
    await chat.say('YES', PROMPT);
    expect(chat.screen()).toContain('The postcard to Ann');
    await leave(chat);
  });

  it('is not answered by what was typed before the question was there', async () => {
    const pace = manualGate();
    const model = demoModel([{ ...Object(postcard('Ann')), text: ['I write. '], gate: pace.gate }, 'Ok.']);
    const chat = await talk(model);
    await chat.sees(PROMPT);
    chat.terminal.type(`Write to Ann${ENTER}`);
    pace.release(1);
    await chat.sees('I write.');
    chat.terminal.type(`y${ENTER}`);
    pace.release(100);
    await chat.sees(QUESTION);
    expect(model.requests).toHaveLength(1);
    await chat.say('n', PROMPT);
    await leave(chat);
  });

  it('is shown with all of its arguments, and nothing in them can hide a part', async () => {
    const long = `a\u202Eb\u001B[2K${'x'.repeat(5_000)}end`;
    const model = demoModel([postcard('Ann', long), 'Ok.']);
    const chat = await talk(model);
    await chat.sees(PROMPT);
    await chat.say('Write to Ann', QUESTION);
    expect(chat.screen()).toContain('"text":"a\\u202eb\\u001b[2Kxxx');
    expect(chat.screen()).toMatch(/x{200}end"\}/);
    expect(chat.screen().match(/x{100}/g)?.length).toBeGreaterThanOrEqual(45);
    await chat.say('n', PROMPT);
    await leave(chat);
  });

  it('lets the user leave with /exit', async () => {
    const chat = await asked([]);
    await leave(chat);
    expect(chat.model.requests).toHaveLength(1);
  });

  it('is asked about one by one, if there are several', async () => {
    const { text, toolCalls = [] } = Object(postcard('Ann'));
    const two = {
      text,
      toolCalls: [...toolCalls, { name: 'send_postcard', arguments: { to: 'Bob', text: 'Hi' } }],
    };
    const model = demoModel([two, 'Done.']);
    const chat = await talk(model);
    await chat.sees(PROMPT);
    await chat.say('Write to both', /"Ann"[^]*run it\? \[y\/n\/e\] /);
    await chat.say('y', /"Bob"[^]*run it\? \[y\/n\/e\] /);
    await chat.say('n', PROMPT);
    const results = resultsIn(model.requests.at(-1)?.messages);
    expect(results[0]).toContain('The postcard to Ann');
    expect(results[1]).not.toContain('The postcard to Bob');
    await leave(chat);
  });

  it.each([
    ['Ctrl-D', CTRL_D],
    ['Ctrl-C', CTRL_C],
  ])('waits on after %s, and the next chat of the session asks again', async (_name, key) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-approvals-'));
    try {
      const path = join(folder, 'chat.db');
      const first = await talk(demoModel([postcard('Ann')]), path);
      await first.sees(PROMPT);
      await first.say('Write to Ann', QUESTION);
      first.terminal.type(key);
      expect(await first.left).toBe(0);
      const second = await talk(demoModel(['It is on its way.']), path);
      await second.sees(QUESTION);
      expect(second.screen()).toContain('the model wants to run: send_postcard, with these arguments:');
      await second.say('y', PROMPT);
      expect(second.screen()).toContain('The postcard to Ann');
      await leave(second);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it('without a terminal, a call that waits ends the answer with a clear line', async () => {
  const terminal = fakeTerminal();
  terminal.endInput();
  const model = demoModel([postcard('Ann')]);
  const chat = await openChat({ ...settings, provider: model }, terminal);
  expect(await answerOnce(chat, ['Write to Ann'], terminal)).toBe(1);
  await chat.close();
  expect(terminal.output.text).toBe('I write. \n');
  expect(terminal.errors.text).toContain(
    'the model wants to run: send_postcard, with these arguments:\n{"to":"Ann","text":"Hello"}\n',
  );
  expect(terminal.errors.text).toMatch(/error: nobody can be asked about that here\. .*--session.*\n$/);
  expect(terminal.errors.text).not.toContain('stopped: approval');
  expect(model.requests).toHaveLength(1);
});

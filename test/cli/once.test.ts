import { afterEach, describe, expect, it, vi } from 'vitest';

import { answerOnce } from '../../cli/chat/once.ts';
import { openChat, type Chat, type ChatSettings } from '../../cli/chat/chat.ts';
import { SluiceError, textOf } from '../../src/index.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { scripted, type ScriptedProvider } from '../../testing/scripted.ts';
import { fakeTerminal, type FakeTerminal } from './fake-terminal.ts';

const USAGE = /\[scripted \| tokens 12 in, 8 out \| cost unknown \| first chunk \d+\.\d s \| \d+\.\d s\]\n$/;

function chatWith(
  provider: ScriptedProvider,
  terminal: FakeTerminal,
  changes: Partial<ChatSettings> = {},
): Promise<Chat> {
  const { environment } = terminal;
  const settings = { session: 'chat', json: false, verbose: false, parameters: {}, setting: { environment } };
  return openChat({ provider, ...settings, ...changes }, terminal);
}

function lastPrompt(provider: ScriptedProvider): string {
  const message = provider.requests.at(-1)?.messages.at(-1);
  return message === undefined ? '' : textOf(message);
}

afterEach(() => {
  vi.useRealTimers();
});

describe('answerOnce', () => {
  it('writes only the answer to the output, and the usage line to the errors', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const chat = await chatWith(scripted('Hello there'), terminal);
    expect(await answerOnce(chat, ['Hi'], terminal)).toBe(0);
    expect(terminal.output.text).toBe('Hello there\n');
    expect(terminal.errors.text).toMatch(USAGE);
  });

  it('asks what is piped in, and joins it with a prompt', async () => {
    const piped = fakeTerminal();
    const model = scripted('ok', { repeat: true });
    piped.type('line one\nline ');
    piped.type('two\n');
    piped.endInput();
    expect(await answerOnce(await chatWith(model, piped), [], piped)).toBe(0);
    expect(lastPrompt(model)).toBe('line one\nline two');

    const both = fakeTerminal();
    both.type('The text.\n');
    both.endInput();
    expect(await answerOnce(await chatWith(model, both), ['Sum', 'up:'], both)).toBe(0);
    expect(lastPrompt(model)).toBe('Sum up:\n\nThe text.');
  });

  it('continues without a silent pipe if there is a prompt, and says so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const terminal = fakeTerminal();
    const model = scripted('ok');
    const answered = answerOnce(await chatWith(model, terminal), ['Hi'], terminal);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(model.requests).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await answered).toBe(0);
    expect(lastPrompt(model)).toBe('Hi');
    expect(terminal.errors.text).toContain(
      'note: nothing came through the pipe in 3 s; continuing without it. Add "-" to wait for it.\n',
    );
  });

  it.each([
    ['"-" stands beside the prompt', ['Hi', '-'], 'Hi\n\nlate'],
    ['there is no prompt', [], 'late'],
  ])('waits for a slow pipe where %s', async (_what, words, asked) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const terminal = fakeTerminal();
    const model = scripted('ok');
    const answered = answerOnce(await chatWith(model, terminal), words, terminal);
    await vi.advanceTimersByTimeAsync(60_000);
    terminal.type('late');
    terminal.endInput();
    expect(await answered).toBe(0);
    expect(lastPrompt(model)).toBe(asked);
  });

  it('refuses to ask an empty prompt', async () => {
    const terminal = fakeTerminal();
    terminal.type(' \n');
    terminal.endInput();
    const model = scripted([]);
    await expect(answerOnce(await chatWith(model, terminal), [], terminal)).rejects.toThrow(
      'There is nothing to ask',
    );
    expect(model.requests).toEqual([]);
  });

  it('refuses an input that does not end', async () => {
    const terminal = fakeTerminal();
    const model = scripted([]);
    const answered = answerOnce(await chatWith(model, terminal), [], terminal);
    for (let megabytes = 0; megabytes <= 16; megabytes++) terminal.type('x'.repeat(1024 * 1024));
    await expect(answered).rejects.toThrow('The input is longer than 16777216 bytes: pipe in less.');
    expect(model.requests).toEqual([]);
  });

  it('stops at an interrupt, prints the text so far, and returns 130', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const pace = manualGate();
    const model = scripted({ text: ['One ', 'two ', 'three'], gate: pace.gate });
    const answered = answerOnce(await chatWith(model, terminal), ['Count'], terminal);
    pace.release(2);
    await terminal.output.until('One two ');
    terminal.interrupt();
    expect(await answered).toBe(130);
    expect(terminal.output.text).toBe('One two \n');
    expect(terminal.errors.text).toMatch(/^\[stopped \| scripted \| /m);
    expect(model.calls[0]?.state).toBe('closed');
  });

  it('stops at an interrupt even if nobody reads the answer', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const blocked = Promise.withResolvers<void>();
    terminal.output._write = () => blocked.resolve();
    const model = scripted({ text: ['x'.repeat(100_000), 'y'], hang: true });
    const answered = answerOnce(await chatWith(model, terminal), ['Hi'], terminal);
    await blocked.promise;
    terminal.interrupt();
    expect(await answered).toBe(130);
  });

  it('ends quietly when the reader leaves, and frees the call', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const model = scripted({ text: ['One ', 'two'], hang: true });
    const answered = answerOnce(await chatWith(model, terminal), ['Hi'], terminal);
    await terminal.output.until('One ');
    terminal.output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await answered).toBe(0);
    expect(terminal.errors.text).toBe('');
    expect(model.calls[0]?.state).toBe('closed');
  });

  it('fails when the answer cannot be written for another reason', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const answered = answerOnce(
      await chatWith(scripted({ text: ['One '], hang: true }), terminal),
      ['Hi'],
      terminal,
    );
    await terminal.output.until('One ');
    terminal.output.destroy(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
    expect(await answered).toBe(1);
    expect(terminal.errors.text).toBe('error: the answer cannot be written: no space left on device\n');
  });

  it('prints every chunk as a line of JSON with --json, and no usage line', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const model = scripted({ text: ['a\u009B31m', 'b'], thinking: 'hm' });
    const chat = await chatWith(model, terminal, { json: true });
    expect(await answerOnce(chat, ['Hi'], terminal)).toBe(0);
    const lines = terminal.output.text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { type: 'thinking', content: 'hm', call: 1, index: 0, turnId: expect.any(String) },
      { type: 'content', content: 'a\u009B31m', call: 1, index: 1 },
      { type: 'content', content: 'b', call: 1, index: 2 },
      expect.objectContaining({
        type: 'done',
        index: 3,
        result: expect.objectContaining({ outcome: 'completed' }),
      }),
    ]);
    expect(terminal.output.text).not.toContain('\u009B');
    expect(terminal.errors.text).toBe('');
  });

  it('prints an error as one line with code, message and hint, after the text so far', async () => {
    const terminal = fakeTerminal({ environment: { OPENAI_API_KEY: 'sk-canary' } });
    terminal.endInput();
    const error = new SluiceError('rate_limited', 'Too many\n\u001B[31mrequests for sk-canary.', {
      retryAfterMs: 4_200,
      requestId: 'req_1',
      retryable: false,
    });
    const chat = await chatWith(scripted({ text: ['One '], error }), terminal);
    expect(await answerOnce(chat, ['Hi'], terminal)).toBe(1);
    expect(terminal.output.text).toBe('One \n');
    const [line] = terminal.errors.text.split('\n');
    expect(line).toBe('error: rate_limited: Too many requests for ***. (request req_1) Try again in 5 s.');
  });

  it('prints notes about warnings, token limits and tools that the model asked for', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const model = scripted({ text: 'Half', toolCalls: [{ name: 'search' }], finishReason: 'length' });
    expect(await answerOnce(await chatWith(model, terminal), ['Hi'], terminal)).toBe(0);
    expect(terminal.errors.text).toContain(
      'note: the model asks for the tool search, which the chat does not have\n',
    );
    expect(terminal.errors.text).toContain('note: the reply reached the token limit\n');
  });

  it('logs to the errors with --verbose', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const chat = await chatWith(scripted('Hello'), terminal, { verbose: true });
    expect(await answerOnce(chat, ['a secret prompt'], terminal)).toBe(0);
    expect(terminal.output.text).toBe('Hello\n');
    expect(terminal.errors.text).toMatch(/^info .*"outcome":"completed"/m);
    expect(terminal.errors.text).not.toContain('a secret prompt');
  });
});

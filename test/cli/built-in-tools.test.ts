import { describe, expect, it } from 'vitest';

import { openChat } from '../../cli/chat/chat.ts';
import { answerOnce } from '../../cli/chat/once.ts';
import { demo } from '../../providers/demo/index.ts';
import { scripted } from '../../testing/scripted.ts';
import { fakeTerminal } from './fake-terminal.ts';

describe('the chat', () => {
  const settings = { session: 'chat', verbose: false, parameters: {} };

  async function ask(prompt: string, options: { json?: boolean } = {}) {
    const terminal = fakeTerminal();
    terminal.endInput();
    const { environment } = terminal;
    const provider = demo({ wordDelayMs: 0 });
    const chat = await openChat(
      { ...settings, provider, json: options.json === true, setting: { environment } },
      terminal,
    );
    expect(await answerOnce(chat, [prompt], terminal)).toBe(0);
    await chat.close();
    return { output: terminal.output.text, errors: terminal.errors.text };
  }

  it('shows the calls of the demo model and their results, on standard error', async () => {
    const { output, errors } = await ask('What is 12*37?');
    expect(output).toContain('The tool calculator says: 444');
    expect(output).not.toContain('expression');
    expect(errors).toContain('tool: calculator {"expression":"12*37"}\ntool: calculator returned 444\n');
    expect(errors).not.toContain('which the chat does not have');
  });

  it('knows the time', async () => {
    const { errors } = await ask('What time is it?');
    expect(errors).toMatch(/tool: current_time \{\}\ntool: current_time returned \d{4}-\d\d-\d\dT/);
  });

  it('with --json the chunks say all', async () => {
    const { output, errors } = await ask('What is 12*37?', { json: true });
    expect(output).toContain('"type":"tool_result"');
    expect(errors).not.toContain('tool:');
  });

  it('offers no tools to other models', async () => {
    const terminal = fakeTerminal();
    terminal.endInput();
    const provider = scripted('Hello');
    const { environment } = terminal;
    const chat = await openChat({ ...settings, provider, json: false, setting: { environment } }, terminal);
    await answerOnce(chat, ['What is 12*37?'], terminal);
    expect(provider.requests[0]?.tools).toBeUndefined();
  });
});

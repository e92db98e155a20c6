import { stripVTControlCharacters } from 'node:util';

import { describe, expect, it } from 'vitest';

import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { hasPseudoTerminal, startCliOnTerminal } from './run-cli.ts';

const CTRL_C = '\u0003';
const PROMPT = '\u001B[0J> ';

describe('sluice chat, on a terminal', () => {
  it('talks, stops a reply at Ctrl-C, keeps the text so far, and exits at the next Ctrl-C', async ({
    skip,
  }) => {
    skip(!hasPseudoTerminal(), 'needs the command `script` of util-linux');
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue(
      { stream: chatStream({ text: 'Hello Ann' }) },
      { stream: chatStream({ text: 'One two three' }), gate: pace.gate },
      { stream: chatStream({ text: 'Going on' }) },
    );
    await using running = startCliOnTerminal([
      'chat',
      '--base-url',
      server.openaiBaseURL,
      '--model',
      'llama',
    ]);
    const type = (text: string): unknown => running.process.stdin.write(text);
    await running.sees(PROMPT);
    type('I am Ann\r');
    await running.sees(/Hello Ann[^]*12 in, 8 out[^]*> /);
    type('Count\r');
    pace.release(3);
    await running.sees('One two ');
    type(CTRL_C);
    await running.sees(/\[stopped \| [^]*> /);
    expect(await server.requests[1]?.closed).toBe('client-left');
    type('Go on\r');
    await running.sees(/Going on[^]*> /);
    expect(server.requests[2]?.body).toMatchObject({
      messages: [
        { role: 'user', content: 'I am Ann' },
        { role: 'assistant', content: 'Hello Ann' },
        { role: 'user', content: 'Count' },
        { role: 'assistant', content: 'One two ' },
        { role: 'user', content: 'Go on' },
      ],
    });
    type(CTRL_C);
    expect(await running.ended).toBe(0);
    expect(stripVTControlCharacters(running.stdout)).toMatch(
      /^llama by openai at http:\/\/127\.0\.0\.1:\d+\. Ctrl-C/,
    );
    server.assertDrained();
  });
});

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { sessionFile } from '../../cli/chat/session-store.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { hasPseudoTerminal, runCli, startCli, startCliOnTerminal, type RunningCli } from './run-cli.ts';

const user = (content: string): unknown => ({ role: 'user', content });
const assistant = (content: string): unknown => ({ role: 'assistant', content });

let folder = '';
let environment: Record<string, string> = {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-chat-'));
  environment = { XDG_STATE_HOME: folder };
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('sluice chat --session', () => {
  it('continues where an earlier process stopped, and keeps sessions with different names apart', async () => {
    await using server = await faultServer();
    for (const text of ['Hello Ann', 'You are Ann', 'Who knows', 'No idea'])
      server.enqueue({ stream: chatStream({ text }) });
    const ask = (...args: string[]): Promise<unknown> =>
      runCli(['chat', '--base-url', server.openaiBaseURL, ...args], { environment });
    await ask('--session', 'work', 'I am Ann');
    await ask('--session', 'work', 'Who am I?');
    await ask('--session', "it's ../other", 'Who am I?');
    await ask('Who am I?');
    expect(server.requests.map(({ body }) => body)).toMatchObject([
      { messages: [user('I am Ann')] },
      { messages: [user('I am Ann'), assistant('Hello Ann'), user('Who am I?')] },
      { messages: [user('Who am I?')] },
      { messages: [user('Who am I?')] },
    ]);
    expect(readdirSync(folder)).toEqual(['sluice']);
    expect(readdirSync(join(folder, 'sluice'))).toEqual(['chat.db']);
    const rights = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect([rights(join(folder, 'sluice')), rights(join(folder, 'sluice', 'chat.db'))]).toEqual([
      '700',
      '600',
    ]);
  });

  it('writes no file without --session', async () => {
    await runCli(['chat', 'Hi'], { environment });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('R31 survives SIGKILL in the middle of a reply: the message is kept, and the next process does not wait', async () => {
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue(
      { stream: chatStream({ text: 'Hello Ann' }) },
      { stream: chatStream({ text: 'One two three' }), gate: pace.gate },
      { stream: chatStream({ text: 'Four' }) },
    );
    const args = ['chat', '--base-url', server.openaiBaseURL, '--session', 'work'];
    await runCli([...args, 'I am Ann'], { environment });
    await using killed = startCli([...args, 'Count'], { environment });
    pace.release(3);
    await killed.sees('One two ');
    killed.process.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');

    const { code, stdout, stderr } = await runCli([...args, 'Go on'], { environment });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Four\n' });
    // A process that is gone holds no lease.
    expect(stderr).not.toContain('another process');
    expect(server.requests[2]?.body).toMatchObject({
      messages: [user('I am Ann'), assistant('Hello Ann'), user('Count'), user('Go on')],
    });
  });

  it('survives SIGKILL between replies, and says what the session contains when it continues', async ({
    skip,
  }) => {
    skip(
      !hasPseudoTerminal() || !existsSync(childrenOf(process.pid)),
      'needs `script` of util-linux, and /proc',
    );
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue(
      { stream: chatStream({ text: 'Hello Ann' }) },
      { stream: chatStream({ text: 'One two three' }), gate: pace.gate },
      { stream: chatStream({ text: 'Still here' }) },
    );
    const args = ['chat', '--base-url', server.openaiBaseURL, '--session', 'work'];
    await using first = startCliOnTerminal(args, environment);
    await first.sees(/Session "work" is new\.[^]*> /);
    first.process.stdin.write('I am Ann\r');
    await first.sees(/Hello Ann[^]*12 in, 8 out[^]*> /);
    killProgram(first);
    await first.ended;

    await using second = startCliOnTerminal(args, environment);
    await second.sees(/Session "work" continues: 2 messages so far\.[^]*> /);
    second.process.stdin.write('Count\r');
    pace.release(3);
    await second.sees('One two ');
    killProgram(second);
    await second.ended;

    await using third = startCliOnTerminal(args, environment);
    await third.sees(/Session "work" continues: 3 messages so far; the last has no reply\.[^]*> /);
    third.process.stdin.write('Are you there?\r');
    await third.sees(/Still here[^]*> /);
    expect(server.requests[2]?.body).toMatchObject({
      messages: [user('I am Ann'), assistant('Hello Ann'), user('Count'), user('Are you there?')],
    });
  });

  it('R33 waits for another process that is using the session, and says so', async () => {
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue(
      { stream: chatStream({ text: 'One two three' }), gate: pace.gate },
      { stream: chatStream({ text: 'Four' }) },
    );
    const args = ['chat', '--base-url', server.openaiBaseURL, '--session', 'work'];
    await using first = startCli([...args, 'Count'], { environment });
    pace.release(3);
    await first.sees('One two ');
    await using second = startCli([...args, 'Go on'], { environment });
    await second.sees('note: another process is using this session; waiting until its reply ends.\n');
    expect(server.requests).toHaveLength(1);
    pace.open();
    expect([await first.ended, await second.ended]).toEqual([0, 0]);
    expect(server.requests[1]?.body).toMatchObject({
      messages: [user('Count'), assistant('One two three'), user('Go on')],
    });
  });

  it('stops at the interrupt signal while it waits for another process', async () => {
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue({ stream: chatStream({ text: 'One two three' }), gate: pace.gate });
    const args = ['chat', '--base-url', server.openaiBaseURL, '--session', 'work'];
    await using first = startCli([...args, 'Count'], { environment });
    pace.release(3);
    await first.sees('One two ');
    await using second = startCli([...args, 'Go on'], { environment });
    await second.sees('note: another process');
    second.process.kill('SIGINT');
    expect(await second.ended).toBe(130);
    pace.open();
    expect(await first.ended).toBe(0);
  });

  it('exits with 2 for an invalid name, and with 1 and the cause if the file cannot be written', async () => {
    const long = await runCli(['chat', '--session', 'x'.repeat(513), 'Hi'], { environment });
    expect(long).toMatchObject({ code: 2, stdout: '' });
    expect(long.stderr).toMatch(/^error: invalid_options: sessionId is too long: .*\n$/);
    writeFileSync(join(folder, 'sluice'), '');
    const blocked = await runCli(['chat', '--session', 'work', 'Hi'], { environment });
    expect(blocked).toMatchObject({ code: 1, stdout: '' });
    expect(blocked.stderr).toMatch(/^error: store: .* The cause: E[A-Z]+: .*\n$/m);
  });

  it('keeps sessions where the XDG specification says', () => {
    expect(sessionFile({ XDG_STATE_HOME: '/state', HOME: '/home/ann' })).toBe('/state/sluice/chat.db');
    for (const state of [undefined, '', 'relative'])
      expect(sessionFile({ XDG_STATE_HOME: state, HOME: '/home/ann' })).toBe(
        '/home/ann/.local/state/sluice/chat.db',
      );
    expect(sessionFile({})).toMatch(/^\/.*\/\.local\/state\/sluice\/chat\.db$/);
  });
});

/** Kills the program on a terminal, not the terminal. */
function killProgram({ process: { pid } }: RunningCli): void {
  for (const child of readFileSync(childrenOf(pid), 'utf8').trim().split(' '))
    process.kill(Number(child), 'SIGKILL');
}

const childrenOf = (pid: number | undefined): string => `/proc/${pid}/task/${pid}/children`;

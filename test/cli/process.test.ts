import { describe, expect, it } from 'vitest';

import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { messagesStream } from '../../testing/upstream/messages-stream.ts';
import { anthropicError, openaiError } from '../../testing/upstream/provider-errors.ts';
import { responsesStream } from '../../testing/upstream/responses-stream.ts';
import { runCli, startCli } from './run-cli.ts';

const KEY = 'sk-canary-0123456789';

describe('sluice chat, as a process', () => {
  it('answers with the demo if there is no key, prints a usage line, and exits with 0', async () => {
    const { code, stdout, stderr } = await runCli(['chat', 'Write a haiku about rivers']);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line !== '').length).toBeGreaterThan(3);
    expect(stdout).toContain('demo model');
    expect(stderr).toMatch(
      /^\[demo \| tokens \d+ in, \d+ out \| cost \$0 \| first chunk \d+\.\d s \| \d+\.\d s\]\n$/,
    );
  });

  it('talks to a server compatible with OpenAI, without a key', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: chatStream({ text: 'Hello there', model: 'llama' }) });
    const flags = [
      '--base-url',
      server.openaiBaseURL,
      '--model',
      'llama',
      '--system',
      'Be brief.',
      '--max-tokens',
      '50',
    ];
    const { code, stdout, stderr } = await runCli(['chat', ...flags, 'Say', 'hello']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello there\n' });
    expect(stderr).toMatch(/^\[llama \| tokens 12 in, 8 out \| cost unknown \| first chunk .* s\]\n$/);
    expect(server.requests[0]?.body).toMatchObject({
      model: 'llama',
      max_tokens: 50,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Say hello' },
      ],
    });
    expect(server.requests[0]?.headers.authorization ?? '').not.toContain('sk-');
    server.assertDrained();
  });

  it("uses OpenAI's Responses API with --api responses, and passes on --reasoning", async () => {
    await using server = await faultServer();
    server.enqueue({ stream: responsesStream({ text: 'Hello there' }) });
    const flags = ['--provider', 'openai', '--base-url', server.openaiBaseURL, '--api', 'responses'];
    const { code, stdout } = await runCli(['chat', ...flags, '--reasoning', 'low', 'Hi'], {
      environment: { OPENAI_API_KEY: KEY },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello there\n' });
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(server.requests[0]?.body).toMatchObject({ reasoning: { effort: 'low' } });
  });

  it('answers piped input as lines of JSON, from Anthropic', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: messagesStream({ thinking: 'Hm.', text: 'Hello there' }) });
    const flags = ['--provider', 'anthropic', '--base-url', server.anthropicBaseURL, '--json'];
    const { code, stdout, stderr } = await runCli(['chat', ...flags], {
      environment: { ANTHROPIC_API_KEY: KEY },
      input: 'Say hello\n',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const chunks = stdout
      .trimEnd()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(chunks.map(({ index }) => index)).toEqual(chunks.map((_chunk, index) => index));
    expect(chunks.flatMap(({ type, content }) => (type === 'content' ? [content] : [])).join('')).toBe(
      'Hello there',
    );
    expect(chunks.at(-1)).toMatchObject({ type: 'done', result: { response: { thinking: 'Hm.' } } });
    expect(server.requests[0]?.body).toMatchObject({ messages: [{ content: [{ text: 'Say hello' }] }] });
  });

  it('S1 prints an error of the provider on one line, without a stack and without the key', async () => {
    await using server = await faultServer();
    server.always(anthropicError(401, { message: `invalid x-api-key ${KEY}` }));
    const flags = ['--provider', 'anthropic', '--base-url', server.anthropicBaseURL];
    const { code, stdout, stderr } = await runCli(['chat', ...flags, '--verbose', 'Hi'], {
      environment: { ANTHROPIC_API_KEY: KEY },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: authentication: .+ \(request req_0\) Is ANTHROPIC_API_KEY correct\?$/m);
    expect(stderr).not.toContain(KEY);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('prints a note about a retry, and answers', async () => {
    await using server = await faultServer();
    server.enqueue(openaiError(429, { headers: { 'retry-after-ms': '1' } }), {
      stream: chatStream({ text: 'Hello' }),
    });
    const { code, stdout, stderr } = await runCli(['chat', '--base-url', server.openaiBaseURL, 'Hi']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello\n' });
    expect(stderr).toMatch(/^note: trying again in 0\.\d s, after rate_limited: .+\n\[gpt-5-mini \| /);
    server.assertDrained();
  });

  it('fails if the connection breaks, and prints the text so far', async () => {
    await using server = await faultServer();
    server.enqueue({ stream: chatStream({ text: 'Hello there' }), fault: { kind: 'eof', at: { event: 2 } } });
    const { code, stdout, stderr } = await runCli(['chat', '--base-url', server.openaiBaseURL, 'Hi']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'Hello \n' });
    expect(stderr).toMatch(/^error: truncated: /);
  });

  it.each([
    [
      'a provider without its key',
      ['chat', '--provider', 'openai', 'Hi'],
      /^error: --provider openai needs a key: set OPENAI_API_KEY\.\n$/,
    ],
    [
      'an unknown provider',
      ['chat', '--provider', 'gemini', 'Hi'],
      /^error: .*gemini.*openai, anthropic, demo\.\n$/,
    ],
    ['an unknown option', ['chat', '--modle', 'x', 'Hi'], /^error: unknown option '--modle'.*\n$/],
    [
      'a token limit that is not a number',
      ['chat', '--max-tokens', 'many', 'Hi'],
      /^error: .*whole number of at least 1\.\n$/,
    ],
    [
      'an empty model of a server',
      ['serve', '--port=0', '--model='],
      /^error: .*Give a text that is not empty\.\n$/,
    ],
    ['nothing to ask', ['chat'], /^error: There is nothing to ask: give a prompt, or pipe one in\.\n$/],
  ])('exits with 2 and one line for %s', async (_what, args, line) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(line);
  });

  it('shows the default models in the help, and prints its version', async () => {
    const help = await runCli(['chat', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/openai +gpt-\S+\n +anthropic +claude-\S+\n +demo +demo\n/);
    const versions = await Promise.all([runCli(['--version']), runCli(['chat', '--version'])]);
    expect(versions.map(({ stdout }) => stdout)).toEqual([
      expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    ]);
  });

  it('stops at the interrupt signal: exits with 130, prints the text so far, and frees the socket', async () => {
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue({ stream: chatStream({ text: 'One two three' }), gate: pace.gate });
    await using running = startCli(['chat', '--base-url', server.openaiBaseURL, 'Count']);
    pace.release(3);
    await running.sees('One two ');
    running.process.kill('SIGINT');
    expect(await running.ended).toBe(130);
    expect(running.stdout).toBe('One two \n');
    expect(running.stderr).toMatch(/^\[stopped \| /);
    expect(await server.requests[0]?.closed).toBe('client-left');
  });

  it('exits with 0 and without an error if the reader leaves, as head does', async () => {
    await using server = await faultServer();
    const pace = manualGate();
    server.enqueue({ stream: chatStream({ text: ['One\n', 'two\n', 'three\n'] }), gate: pace.gate });
    await using running = startCli(['chat', '--base-url', server.openaiBaseURL, 'Count']);
    pace.release(2);
    await running.sees('One\n');
    running.process.stdout.destroy();
    pace.open();
    expect(await running.ended).toBe(0);
    expect(running.stderr).toBe('');
  });

  it('runs the demo if no optional package is installed, and says what the other providers need', async () => {
    const nodeOptions = ['--import', `data:text/javascript,${encodeURIComponent(WITHOUT_PEERS)}`];
    const demo = await runCli(['chat', '2 + 3'], { nodeOptions });
    expect(demo.code).toBe(0);
    expect(demo.stdout).toContain('5');
    expect(demo.stderr).toMatch(/^\[demo \| .* \| cost unknown \| /m);

    const openai = await runCli(['chat', '--base-url', 'http://127.0.0.1:9/v1', 'Hi'], { nodeOptions });
    expect(openai).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: The package openai is not installed: run npm install openai.\n',
    });
  });
});

/** Hides the optional packages from Node, as if they were not installed. */
const WITHOUT_PEERS = `
import { registerHooks } from 'node:module';
const peers = ['openai', '@anthropic-ai/sdk', '@pydantic/genai-prices', 'rate-limiter-flexible', 'undici'];
registerHooks({
  resolve(specifier, context, next) {
    if (!peers.some((name) => specifier === name || specifier.startsWith(name + '/'))) return next(specifier, context);
    const error = new Error("Cannot find package '" + specifier + "' imported from " + context.parentURL);
    throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
  },
});
`;

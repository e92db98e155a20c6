import { runProgram } from '../../cli/program.ts';
import { localServers, runningServers } from '../../cli/models/local-servers.ts';
import { chatStream, faultServer, manualGate } from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';
import type { LocalServer } from '../../cli/models/local-servers.ts';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { fakeTerminal } from './fake-terminal.ts';

const LIST = {
  object: 'list',
  data: [
    { id: 'llama3.2', object: 'model', owned_by: 'library' },
    { id: 'models/gemini-3-flash', object: 'model', owned_by: '', context_length: 1_048_576 },
    { id: '', object: 'model' },
  ],
};

async function run(args: string[], environment: Record<string, string> = {}) {
  const terminal = fakeTerminal({ environment });
  terminal.endInput();
  const code = await runProgram(args, terminal);
  return { code, output: terminal.output.text, errors: terminal.errors.text };
}

describe('sluice models', () => {
  it('lists the models of an endpoint by their names, with the key that it needs', async () => {
    await using server = await faultServer({ always: { body: LIST } });
    const { code, output } = await run(['models', '--base-url', server.openaiBaseURL], {
      OPENAI_API_KEY: 'sk-of-mine-12345678',
    });
    expect([code, output]).toEqual([0, 'gemini-3-flash  (1,048,576 tokens)\nllama3.2  (library)\n']);
    expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/v1/models' });
    expect(server.requests[0]?.headers.authorization).toBe('Bearer sk-of-mine-12345678');
  });

  it('takes the key of the service that --preset names, and no other', async () => {
    await using server = await faultServer({ always: { body: LIST } });
    const environment = { OPENAI_API_KEY: 'sk-openai', GROQ_API_KEY: 'gsk_groq' };
    const { code, output } = await run(
      ['models', '--preset', 'groq', '--base-url', server.openaiBaseURL, '--json'],
      environment,
    );
    expect(code).toBe(0);
    expect(
      output
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toMatchObject([{ id: 'gemini-3-flash' }, { id: 'llama3.2' }]);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer gsk_groq');
  });

  it.each([
    [
      'a service without its key',
      ['models', '--preset', 'groq'],
      2,
      /--preset groq needs a key: set GROQ_API_KEY/,
    ],
    [
      'Azure without an address',
      ['models', '--preset', 'azure'],
      2,
      /--preset azure needs --base-url: .*RESOURCE/,
    ],
    [
      'an address of another kind',
      ['models', '--base-url', 'ollama'],
      2,
      /--base-url is not an http or https URL/,
    ],
    ['no server on this machine', ['models'], 2, /Neither Ollama nor LM Studio runs/],
    [
      'an address that does not listen',
      ['models', '--base-url', 'http://127.0.0.1:1/v1'],
      1,
      /network: 127\.0\.0\.1:1 cannot be reached/,
    ],
  ])('says what is wrong with %s', async (_name, args, code, message) => {
    const result = await run(args);
    expect(result.code).toBe(code);
    expect(result.errors).toMatch(message);
  });

  it('tells the answer of an endpoint that refuses, without the key', async () => {
    const key = 'sk-canary-0123456789abcdef';
    const body = { error: { message: `wrong key ${key}` } };
    await using server = await faultServer({ always: { status: 401, body } });
    const { code, errors } = await run(['models', '--base-url', server.openaiBaseURL], {
      OPENAI_API_KEY: key,
    });
    expect(code).toBe(1);
    expect(errors).toMatch(/authentication: .* answered 401: wrong key \*\*\*/);
    expect(errors).not.toContain(key);
  });

  it('says that an answer is too long for a list', async () => {
    await using server = await faultServer({ always: { body: 'x'.repeat(17 * 1024 * 1024) } });
    const { code, errors } = await run(['models', '--base-url', server.openaiBaseURL]);
    expect(code).toBe(1);
    expect(errors).toMatch(/protocol: 127\.0\.0\.1:\d+ gave a list of more than 16 MB\./);
  });

  it('does not take a page, or a redirect, for a list', async () => {
    await using elsewhere = await faultServer({ always: { body: LIST } });
    await using server = await faultServer();
    server.enqueue({ body: '<html>' }, { status: 302, headers: { location: `${elsewhere.url}/v1/models` } });
    expect((await run(['models', '--base-url', server.openaiBaseURL])).errors).toContain(
      'is not a list of models',
    );
    expect((await run(['models', '--base-url', server.openaiBaseURL])).errors).toMatch(
      /protocol: 127\.0\.0\.1:\d+ answered 302\./,
    );
    expect(elsewhere.requests).toHaveLength(0);
  });
});

/** Servers of this machine have 300 ms to answer, which is too little for a busy one. */
function clockThatStands(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

const asOllama = ({ openaiBaseURL }: FaultServer): LocalServer => ({
  ...{ preset: 'ollama', title: 'Ollama', baseURL: openaiBaseURL },
});

describe('servers on this machine', () => {
  beforeEach(clockThatStands);

  it('are found where OLLAMA_HOST says, if that is here', () => {
    const address = (host: string) => localServers({ OLLAMA_HOST: host })[0]?.baseURL;
    expect(
      [
        '',
        ':9000',
        '0.0.0.0',
        'localhost:9000',
        'http://127.0.0.1:9000',
        'https://models.example.com',
        '10.0.0.1:1',
      ].map(address),
    ).toEqual([
      'http://127.0.0.1:11434/v1',
      'http://127.0.0.1:9000/v1',
      'http://127.0.0.1:11434/v1',
      'http://127.0.0.1:9000/v1',
      'http://127.0.0.1:9000/v1',
      'http://127.0.0.1:11434/v1',
      'http://127.0.0.1:11434/v1',
    ]);
    expect(localServers({ SLUICE_LOCAL_MODELS: '0' })).toEqual([]);
  });

  it('count only with a model to talk to', async () => {
    await using embeds = await faultServer({ always: { body: { data: [{ id: 'nomic-embed-text' }] } } });
    await using talks = await faultServer({
      always: { body: { data: [{ id: 'nomic-embed-text' }, { id: 'llama3.2' }] } },
    });
    const running = await runningServers([embeds, talks].map(asOllama));
    expect(running.map(({ baseURL, models }) => [baseURL, models.map(({ id }) => id)])).toEqual([
      [talks.openaiBaseURL, ['llama3.2']],
    ]);
  });

  it('do not hold up the start if they do not answer', async () => {
    await using stalls = await faultServer({ always: { delayHeaders: manualGate().gate } });
    const running = runningServers([asOllama(stalls)]);
    await expect.poll(() => stalls.requests).toHaveLength(1);
    vi.advanceTimersByTime(300);
    expect(await running).toEqual([]);
  });
});

describe('sluice chat without a key', () => {
  it('talks to a model of Ollama if it runs, and says so', async () => {
    clockThatStands();
    await using server = await faultServer();
    server.enqueue({ body: LIST }, { stream: chatStream({ text: 'Hello from here.' }) });
    const environment = { SLUICE_LOCAL_MODELS: '1', OLLAMA_HOST: `127.0.0.1:${server.port}` };
    const { code, output, errors } = await run(['chat', 'Hi'], environment);
    expect([code, output.trim()]).toEqual([0, 'Hello from here.']);
    expect(errors).toContain('Ollama runs on this machine: its model llama3.2 answers');
    expect(server.requests[1]?.body).toMatchObject({ model: 'llama3.2' });
  });

  it.each([
    ['a provider is asked for', ['chat', '--provider', 'demo', 'Hi'], {}],
    ['LLM_PROVIDER says demo', ['chat', 'Hi'], { LLM_PROVIDER: 'demo' }],
    ['it is told not to look', ['chat', 'Hi'], { SLUICE_LOCAL_MODELS: '0' }],
  ])('does not look for one if %s', async (_name, args, more) => {
    await using server = await faultServer();
    const { code } = await run(args, {
      SLUICE_LOCAL_MODELS: '1',
      OLLAMA_HOST: `127.0.0.1:${server.port}`,
      ...more,
    });
    expect([code, server.requests.length]).toEqual([0, 0]);
  });

  it('talks to a service with --preset', async () => {
    await using server = await faultServer({ always: { stream: chatStream({ text: 'Fast.' }) } });
    const args = ['chat', '--preset', 'groq', '--model', 'm', '--base-url', server.openaiBaseURL, 'Hi'];
    expect((await run(args, { GROQ_API_KEY: 'gsk_groq' })).output.trim()).toBe('Fast.');
    expect(server.requests[0]?.headers.authorization).toBe('Bearer gsk_groq');
    expect((await run(['chat', '--preset', 'groq', 'Hi'])).errors).toContain(
      'needs --model: sluice models --preset groq',
    );
  });
});

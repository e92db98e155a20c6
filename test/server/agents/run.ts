/**
 * Runs coding agents from the npm registry against the compatible routes, with nothing changed but their base URL. Each is asked for a file: the scripted model thinks, calls the
 * agent's own shell tool, and says that it is done. Too heavy for each run of the tests (the agents are native programs of 350 to 425 MB), so it is run by hand:
 *
 *     npm install --prefix /some/folder @openai/codex opencode-ai @anthropic-ai/claude-code @qwen-code/qwen-code cline @continuedev/cli
 *     node /some/folder/node_modules/@anthropic-ai/claude-code/install.cjs   # if npm does not run scripts
 *     node test/server/agents/run.ts /some/folder
 *
 * A second folder gets what each agent sent, and what it was answered:
 *
 *     node test/server/agents/run.ts /some/folder /folder/for/requests
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { provider } from '../../../middleware/index.ts';
import { anthropic } from '../../../providers/anthropic/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { faultServer, messagesStream, scripted } from '../../../testing/index.ts';
import type { FaultServer, ScriptedReply } from '../../../testing/index.ts';
import { openaiApp } from '../openai/app.ts';
import { recorder } from './recorder.ts';

const TASK = 'Make a file made.txt that says hello.';
const LAST = 'The file made.txt is there.';
const COMMAND = 'echo hello > made.txt';

/** How an agent is run without a terminal. It may change only its own folder. */
interface CodingAgent {
  name: string;
  prepare?(folder: string, baseURL: string, program: string): Promise<void>;
  arguments: readonly string[];
  environment(folder: string, baseURL: string): Record<string, string>;
  /** The provider `anthropic` is asked, and its API is played by a server. Default: a scripted model answers. */
  behindAnthropic?: true;
}

const AGENTS: readonly CodingAgent[] = [
  {
    name: 'codex',
    async prepare(folder, baseURL) {
      await writeFile(
        join(folder, 'config.toml'),
        `model = "gpt-x"
model_provider = "sluice"
[model_providers.sluice]
name = "Sluice"
base_url = "${baseURL}"
env_key = "SLUICE_KEY"
wire_api = "responses"
`,
      );
    },
    arguments: ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', TASK],
    environment: (folder) => ({ CODEX_HOME: folder, HOME: folder, SLUICE_KEY: 'none' }),
  },
  {
    name: 'opencode',
    async prepare(folder, baseURL) {
      const model = {
        npm: '@ai-sdk/openai-compatible',
        name: 'Sluice',
        models: { 'gpt-x': { name: 'gpt-x' } },
      };
      const config = {
        autoupdate: false,
        share: 'disabled',
        small_model: 'sluice/gpt-x',
        provider: { sluice: { ...model, options: { baseURL, apiKey: 'none' } } },
      };
      await writeFile(join(folder, 'work', 'opencode.json'), JSON.stringify(config));
    },
    arguments: ['run', '--model', 'sluice/gpt-x', TASK],
    environment: (folder) => ({
      HOME: folder,
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_DATA_HOME: join(folder, 'data'),
      OPENCODE_DISABLE_MODELS_FETCH: '1',
    }),
  },
  {
    name: 'qwen',
    arguments: ['--yolo', '--auth-type', 'openai', '--prompt', TASK],
    environment: (folder, baseURL) => ({
      HOME: folder,
      OPENAI_BASE_URL: baseURL,
      OPENAI_API_KEY: 'none',
      OPENAI_MODEL: 'gpt-x',
    }),
  },
  {
    name: 'cline',
    async prepare(folder, baseURL, program) {
      const provider = ['openai', '--apikey', 'none', '--modelid', 'gpt-x', '--baseurl', baseURL];
      await outputOf(program, ['auth', ...provider], folder, { HOME: folder });
    },
    arguments: ['--provider', 'openai', '--model', 'gpt-x', TASK],
    environment: (folder) => ({ HOME: folder }),
  },
  {
    name: 'cn',
    async prepare(folder, baseURL) {
      const model = ['provider: openai', 'model: gpt-x', `apiBase: ${baseURL}`, 'apiKey: none'];
      const config = ['name: Sluice', 'version: 1.0.0', 'schema: v1', 'models:', '  - name: Sluice'];
      const lines = [...config, ...model.map((line) => `    ${line}`), ''];
      await writeFile(join(folder, 'continue.yaml'), lines.join('\n'));
    },
    arguments: ['--config', '../continue.yaml', '--auto', '--print', TASK],
    environment: (folder) => ({ HOME: folder, CONTINUE_TELEMETRY_ENABLED: '0' }),
  },
];

/** Nothing may leave the machine: requests to other addresses go to a port of it that nobody listens on, and fail at once. */
const NO_NETWORK = {
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1',
};

const CLAUDE: CodingAgent = {
  name: 'claude',
  arguments: ['--print', TASK, '--model', 'gpt-x', '--allowedTools', 'Bash'],
  environment: (folder, baseURL) => ({
    HOME: folder,
    CLAUDE_CONFIG_DIR: folder,
    ANTHROPIC_BASE_URL: baseURL.slice(0, -'/v1'.length),
    ANTHROPIC_API_KEY: 'none',
    ANTHROPIC_DEFAULT_HAIKU_MODEL: 'gpt-x',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
  }),
};

/** The names of the agents' shell tools, and what each takes. */
const SHELLS: Readonly<Record<string, object>> = {
  exec_command: { cmd: COMMAND },
  run_shell_command: { command: COMMAND, is_background: false },
  run_commands: { commands: [COMMAND] },
  bash: { command: COMMAND, description: 'Makes the file' },
  Bash: { command: COMMAND, description: 'Makes the file' },
};

/** What the model says to a request with these tools. `isDone`: the shell has answered. */
function answer(tools: readonly { name: string }[], isDone: boolean): ScriptedReply {
  const shell = tools.find(({ name }) => name in SHELLS);
  if (shell === undefined || isDone) return { text: LAST, batchSize: 1 };
  return {
    thinking: 'A file is wanted.',
    text: 'I make it now.',
    toolCalls: [{ name: shell.name, arguments: SHELLS[shell.name] }],
    batchSize: 1,
  };
}

/** What an agent asks, and how often it did. */
interface Asked extends AsyncDisposable {
  pipeline: Pipeline;
  calls(): number;
}

function scriptedModel(): Asked {
  const model = scripted(
    ({ tools = [], messages }) =>
      answer(
        tools,
        messages.some(({ role }) => role === 'tool'),
      ),
    { repeat: true },
  );
  return {
    pipeline: new Pipeline([provider(model)]),
    calls: () => model.calls.length,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A request to Anthropic's API, as far as it matters here. */
interface ApiRequest {
  tools?: { name: string }[];
  messages: { content: string | { type: string }[] }[];
}

async function playedApi(): Promise<Asked> {
  const server: FaultServer = await faultServer();
  server.always(({ body }) => {
    const { tools = [], messages } = body as ApiRequest;
    const isDone = messages.some(
      ({ content }) => typeof content !== 'string' && content.some(({ type }) => type === 'tool_result'),
    );
    const { thinking, text, toolCalls } = answer(tools, isDone);
    return { stream: messagesStream({ thinking, text, toolCalls }) };
  });
  const model = anthropic({ apiKey: 'none', baseURL: server.url });
  return {
    pipeline: new Pipeline([provider(model)]),
    calls: () => server.requests.length,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function outputOf(
  program: string,
  args: readonly string[],
  folder: string,
  environment: Record<string, string>,
): Promise<string> {
  const child = spawn(program, args, {
    cwd: join(folder, 'work'),
    env: { PATH: process.env['PATH'], ...NO_NETWORK, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

/** `into`: the folder that gets what it sent. */
async function run(program: string, agent: CodingAgent, into?: string): Promise<string> {
  // Some agents refuse to work in the folder for temporary files.
  const folder = await mkdtemp(join(homedir(), '.sluice-agent-'));
  await using asked = agent.behindAnthropic === true ? await playedApi() : scriptedModel();
  await using app = await openaiApp(
    asked.pipeline,
    {},
    agent.behindAnthropic === true ? { provider: 'anthropic' } : {},
  );
  await using recorded = await recorder(app.baseURL, join(folder, 'requests'));
  try {
    await mkdir(join(folder, 'work'));
    await agent.prepare?.(folder, recorded.baseURL, program);
    const started = performance.now();
    const environment = agent.environment(folder, recorded.baseURL);
    const output = await outputOf(program, agent.arguments, folder, environment);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    const made = join(folder, 'work', 'made.txt');
    const content = existsSync(made) ? await readFile(made, 'utf8') : undefined;
    if (content !== 'hello\n' || !output.includes(LAST)) return `FAILED\n${output}`;
    return `made the file in ${asked.calls()} model calls and ${seconds} s`;
  } finally {
    if (into !== undefined) await cp(join(folder, 'requests'), into, { recursive: true });
    await rm(folder, { recursive: true, force: true });
  }
}

const [installed, requests] = process.argv.slice(2);
if (installed === undefined) throw new Error('Give the folder in which the agents are installed.');
for (const agent of [...AGENTS, CLAUDE, { ...CLAUDE, behindAnthropic: true as const }]) {
  const program = resolve(installed, 'node_modules', '.bin', agent.name);
  const behind = agent.behindAnthropic === true ? ", with Anthropic's API behind" : '';
  const folder = agent.behindAnthropic === true ? `${agent.name}-behind-anthropic` : agent.name;
  const into = requests === undefined ? undefined : join(requests, folder);
  const ended = existsSync(program) ? await run(program, agent, into) : 'not installed';
  console.log(`${agent.name}${behind}: ${ended}`);
}

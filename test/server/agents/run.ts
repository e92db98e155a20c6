/**
 * Runs coding agents from the npm registry against the compatible routes, with nothing changed but their base URL. Each is asked for a file: the scripted model thinks, calls the
 * agent's own shell tool, and says that it is done. Too heavy for each run of the tests (the agents are native programs of 350 to 425 MB), so it is run by hand:
 *
 *     npm install --prefix /some/folder @openai/codex opencode-ai
 *     node test/server/agents/run.ts /some/folder
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { provider } from '../../../middleware/index.ts';
import { Pipeline } from '../../../src/index.ts';
import type { ModelRequest } from '../../../src/index.ts';
import { scripted } from '../../../testing/index.ts';
import type { ScriptedReply } from '../../../testing/index.ts';
import { openaiApp } from '../openai/app.ts';

const TASK = 'Make a file made.txt that says hello.';
const LAST = 'The file made.txt is there.';
const COMMAND = 'echo hello > made.txt';

/** How an agent is run without a terminal. It may change only its own folder. */
interface CodingAgent {
  name: string;
  prepare(folder: string, baseURL: string): Promise<void>;
  arguments: readonly string[];
  environment(folder: string): Record<string, string>;
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
];

/** The names of the agents' shell tools, and what each takes. */
const SHELLS: Readonly<Record<string, object>> = {
  exec_command: { cmd: COMMAND },
  bash: { command: COMMAND, description: 'Makes the file' },
};

function answer({ tools = [], messages }: ModelRequest): ScriptedReply {
  const shell = tools.find(({ name }) => name in SHELLS);
  if (shell === undefined || messages.some(({ role }) => role === 'tool'))
    return { text: LAST, batchSize: 1 };
  return {
    thinking: 'A file is wanted.',
    text: 'I make it now.',
    toolCalls: [{ name: shell.name, arguments: SHELLS[shell.name] }],
    batchSize: 1,
  };
}

async function outputOf(program: string, agent: CodingAgent, folder: string): Promise<string> {
  const child = spawn(program, agent.arguments, {
    cwd: join(folder, 'work'),
    env: { PATH: process.env['PATH'], ...agent.environment(folder) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

async function run(program: string, agent: CodingAgent): Promise<string> {
  // Some agents refuse to work in the folder for temporary files.
  const folder = await mkdtemp(join(homedir(), '.sluice-agent-'));
  const model = scripted(answer, { repeat: true });
  await using app = await openaiApp(new Pipeline([provider(model)]));
  try {
    await mkdir(join(folder, 'work'));
    await agent.prepare(folder, app.baseURL);
    const started = performance.now();
    const output = await outputOf(program, agent, folder);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    const made = join(folder, 'work', 'made.txt');
    const content = existsSync(made) ? await readFile(made, 'utf8') : undefined;
    if (content !== 'hello\n' || !output.includes(LAST)) return `FAILED\n${output}`;
    return `made the file in ${model.calls.length} model calls and ${seconds} s`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [installed] = process.argv.slice(2);
if (installed === undefined) throw new Error('Give the folder in which the agents are installed.');
for (const agent of AGENTS) {
  const program = join(installed, 'node_modules', '.bin', agent.name);
  console.log(`${agent.name}: ${existsSync(program) ? await run(program, agent) : 'not installed'}`);
}

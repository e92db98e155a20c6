/**
 * `npm run test:runtimes` runs one file in every runtime, against the built package and a server in another process. `-- --required` fails if a
 * runtime is not there. The last line is `N passed, N failed`, or with `, N skipped`.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import * as z from 'zod';
import { buildIfStale } from '../../scripts/build-if-stale.ts';
import { readManifest, root } from '../../scripts/entry-points.ts';
import { freePort } from '../support/free-port.ts';
import { programOf, runtimes, type Runtime } from './binaries.ts';
import { upstream as startUpstream } from './upstream.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 120_000;
const here = fileURLToPath(new URL('.', import.meta.url));
/** What runs in a runtime. */
const FILES = ['check.js', 'smoke.js', 'serving.js', 'command.js', 'outside.js', 'worker.js'];
const resultsSchema = z.record(z.string(), z.string().nullable());

/** Where the providers send their requests. */
interface Upstream {
  openaiBaseURL: string;
  anthropicBaseURL: string;
}

/** A folder as of a user, with the package, its peers and the smoke file. */
function userFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-runtimes-'));
  const { name, peerDependencies, dependencies } = readManifest();
  for (const each of [...Object.keys(peerDependencies), ...Object.keys(dependencies)]) {
    const path = join(folder, 'node_modules', each);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(`${root}node_modules/${each}`, path);
  }
  symlinkSync(root, join(folder, 'node_modules', name));
  for (const file of FILES) cpSync(join(here, file), join(folder, file));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', type: 'module' }));
  return folder;
}

async function inCommand({ flags }: Runtime, program: string, folder: string, upstream: Upstream) {
  const addresses = [upstream.openaiBaseURL, upstream.anthropicBaseURL];
  const options = { cwd: folder, timeout: TIMEOUT_MS };
  const { stdout } = await run(program, [...flags, 'command.js', ...addresses], options);
  return resultsSchema.parse(JSON.parse(stdout));
}

/** An old Node must say what it needs, at every entry point. */
async function inOldNode(program: string, folder: string) {
  const results: z.infer<typeof resultsSchema> = {};
  for (const subpath of Object.keys(readManifest().exports)) {
    if (subpath.endsWith('.json')) continue;
    const specifier = readManifest().name + subpath.slice(1);
    const code = `import('${specifier}').then(() => 'it loads', (error) => error.message).then(console.log)`;
    const { stdout } = await run(program, ['-e', code], { cwd: folder, timeout: TIMEOUT_MS });
    const isRight = /^Sluice needs Node\.js [\d.]+ or later, and this is 20\./.test(stdout);
    results[`import of ${specifier}`] = isRight ? null : stdout.trim();
  }
  return results;
}

/** What a client in Node sees of a server that runs elsewhere. */
async function askedFromOutside(port: number, folder: string) {
  const options = { cwd: folder, timeout: TIMEOUT_MS };
  const { stdout } = await run(process.execPath, ['outside.js', `http://127.0.0.1:${port}`], options);
  return resultsSchema.parse(JSON.parse(stdout));
}

/** Bundles the smoke file for Workers, serves it, and asks it to run. */
async function inWorker(program: string, folder: string, upstream: Upstream) {
  // Split, because a chunk that is never loaded may import modules of Node: the SDK of Anthropic has one.
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'worker.js')],
    outdir: join(folder, 'bundle'),
    bundle: true,
    splitting: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['browser', 'module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    logLevel: 'error',
  });
  mkdirSync(join(folder, 'bundle'));
  // The first module is the Worker.
  const names = outputFiles
    .map(({ path }) => basename(path))
    .toSorted((a, b) => Number(b === 'worker.js') - Number(a === 'worker.js'));
  for (const { path, text } of outputFiles) writeFileSync(path, text);
  const modules = names.map((name) => `(name = "${name}", esModule = embed "bundle/${name}")`).join(', ');
  const port = await freePort();
  const worker = `(modules = [${modules}], compatibilityDate = "2026-01-01", globalOutbound = "local")`;
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = ${worker}), (name = "local", network = (allow = ["local", "private"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`;
  writeFileSync(join(folder, 'config.capnp'), config);
  const serving = spawn(program, ['serve', 'config.capnp'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        const body = JSON.stringify(upstream);
        const response = await fetch(`http://127.0.0.1:${port}/cases`, { method: 'POST', body });
        const text = await response.text();
        if (!response.ok) throw new TypeError(`the Worker answered ${response.status}: ${text}`);
        return { ...resultsSchema.parse(JSON.parse(text)), ...(await askedFromOutside(port, folder)) };
      } catch (error) {
        // It does not listen yet.
        if (attempt > 300 || serving.exitCode !== null || !String(error).includes('fetch failed'))
          throw error;
        await delay(200);
      }
    }
  } finally {
    // Asked to end, it would wait for connections that are still open.
    serving.kill('SIGKILL');
  }
}

async function inRuntime(runtime: Runtime, program: string, folder: string, upstream: Upstream) {
  try {
    if (runtime.kind === 'too old') return await inOldNode(program, folder);
    if (runtime.kind === 'worker') return await inWorker(program, folder, upstream);
    return await inCommand(runtime, program, folder, upstream);
  } catch (error) {
    return { 'the start': String(error) };
  }
}

buildIfStale();
if (!runtimes.some((each) => each.kind === 'worker' && programOf(each) !== undefined)) {
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
}
const folder = userFolder();
let [passed, failed, skipped] = [0, 0, 0];
try {
  for (const runtime of runtimes) {
    const program = programOf(runtime);
    if (program === undefined) {
      console.log(
        `${runtime.name}: skipped, the registry has no binary for ${process.platform} ${process.arch}`,
      );
      skipped += 1;
      continue;
    }
    await using server = await startUpstream();
    const { openaiBaseURL, anthropicBaseURL } = server;
    const results = Object.entries(
      await inRuntime(runtime, program, folder, { openaiBaseURL, anthropicBaseURL }),
    );
    const wrong = results.filter(([, problem]) => problem !== null);
    console.log(`${runtime.name}: ${results.length - wrong.length} of ${results.length}`);
    for (const [name, problem] of wrong) console.log(`  ${name}: ${problem}`);
    passed += results.length - wrong.length;
    failed += wrong.length;
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (process.argv.includes('--required')) failed += skipped;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;

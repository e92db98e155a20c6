import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../scripts/entry-points.ts';
import { childEnvironment } from './child-environment.ts';

const run = promisify(execFile);

/** A TypeScript block of a page that is a whole program: it starts with an import. */
export interface Program {
  /** Page and line. */
  name: string;
  code: string;
  /** The output it promises: the comments after its `console.log` calls. */
  prints: string[];
}

/** The programs of a page. */
export async function programsOf(page: string): Promise<Program[]> {
  const text = await readFile(join(root, page), 'utf8');
  return [...text.matchAll(/^```ts\n(import [\s\S]*?)^```$/gm)].map((match) => {
    const code = match[1] ?? '';
    const line = text.slice(0, match.index).split('\n').length;
    const prints = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map((comment) => comment[1] ?? '');
    return { name: `${page}:${line}`, code, prints };
  });
}

/** The blocks of a page that contain their imports, including those that need a server or a key. */
export async function typedBlocksOf(page: string): Promise<{ name: string; code: string }[]> {
  const text = await readFile(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => ({
    name: `${page}:${text.slice(0, match.index).split('\n').length}`,
    code: match[1] ?? '',
  }));
  return blocks.filter(({ code }) => /^import /m.test(code) && !code.includes(`from './`));
}

/**
 * Compiles blocks against the built declarations with strict settings and this module resolution. Returns the compiler's errors, or an empty
 * text.
 */
export async function compilerSays(
  blocks: readonly { name: string; code: string }[],
  moduleResolution: 'nodenext' | 'bundler',
): Promise<string> {
  const folder = join(root, 'dist', `pages-${moduleResolution}`);
  await mkdir(folder, { recursive: true });
  try {
    const module = moduleResolution === 'nodenext' ? 'nodenext' : 'esnext';
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: 'es2024',
      module,
      moduleResolution,
    };
    const lib = ['es2024', 'esnext.disposable'];
    const config = { compilerOptions: { ...compilerOptions, lib, types: ['node'] }, include: ['*.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    for (const { name, code } of blocks)
      await writeFile(join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.ts`), `${code}\nexport {};\n`);
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [compiler, '-p', folder], { cwd: folder }).catch(said);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** If there are errors, the compiler fails and prints them to its standard output. */
function said(error: unknown): { stdout: string } {
  if (error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' && error.stdout !== '')
    return { stdout: error.stdout };
  throw error;
}

/** Runs a program with the built package and without any key. Resolves to its output. Rejects if it fails. */
export async function runProgram({ name, code }: Program): Promise<string> {
  const folder = join(root, 'dist', 'pages');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.ts`);
  await writeFile(file, code);
  try {
    const env = { ...childEnvironment(), NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, [file], { env, timeout: 60_000 });
    return stdout;
  } finally {
    await rm(file);
  }
}

import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../scripts/entry-points.ts';

const run = promisify(execFile);

/** A TypeScript block of a page that is a program of its own: it begins with an import. */
export interface Program {
  /** Page and line. */
  name: string;
  code: string;
  /** What it says that it prints: the comments behind its `console.log` calls. */
  prints: string[];
}

/** The programs in a page. */
export async function programsOf(page: string): Promise<Program[]> {
  const text = await readFile(join(root, page), 'utf8');
  return [...text.matchAll(/^```ts\n(import [\s\S]*?)^```$/gm)].map((match) => {
    const code = match[1] ?? '';
    const line = text.slice(0, match.index).split('\n').length;
    const prints = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map((comment) => comment[1] ?? '');
    return { name: `${page}:${line}`, code, prints };
  });
}

/** Runs a program on the build, as a file inside the package, without any key. Resolves to what it printed; rejects where it failed. */
export async function runProgram({ name, code }: Program): Promise<string> {
  const folder = join(root, 'dist', 'pages');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.ts`);
  await writeFile(file, code);
  try {
    const env = { PATH: process.env['PATH'], NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, [file], { env, timeout: 60_000 });
    return stdout;
  } finally {
    await rm(file);
  }
}

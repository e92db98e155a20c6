import { createRequire } from 'node:module';

import { Command, CommanderError } from 'commander';
import * as z from 'zod';

import { commands } from './commands/index.ts';
import { oneLine } from './clean-text.ts';
import { errorLine, exitCodeOf, firstFailure, withoutKeys } from './error-line.ts';
import { exitCodes } from './exit-codes.ts';
import { outputWriter } from './output-writer.ts';
import type { Terminal } from './terminal.ts';

/** Runs the command line and returns the exit code. Never throws: an error is one line on `terminal.errors`. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const output = outputWriter(terminal.output);
  const errors = outputWriter(terminal.errors);
  const program = new Command('sluice')
    .description('A runtime for LLM calls, built from composable middleware.')
    .version(packageVersion(), '-V, --version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void output.write(text),
      writeErr: (text) => void errors.write(text),
      outputError: (text, write) => write(`${withoutKeys(oneLine(text), terminal.environment)}\n`),
    });

  let code: number = exitCodes.ok;
  for (const add of commands) add(program, terminal, (exitCode) => (code = exitCode));
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (thrown) {
    const error = firstFailure(thrown);
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    void errors.write(`${errorLine(error, { environment: terminal.environment })}\n`);
    return exitCodeOf(error);
  }
}

/** Reads the version by the package's own name, because a built file does not know how deep its folder is. */
function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('sluice/package.json');
  return z.object({ version: z.string() }).parse(manifest).version;
}

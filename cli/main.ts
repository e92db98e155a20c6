#!/usr/bin/env node
import { processTerminal } from './terminal.ts';
import { outputWriter } from './output-writer.ts';
import { errorLine } from './error-line.ts';
import { exitCodes } from './exit-codes.ts';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`error: sluice needs Node 22.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(exitCodes.usage);
}

process.on('uncaughtException', function onUncaught(error) {
  process.stderr.write(`${errorLine(error, { environment: process.env })}\n`);
  process.exit(exitCodes.failed);
});

// Loaded after the check, because an older Node cannot even parse it.
const { runProgram } = await import('./program.ts');
const terminal = processTerminal();
const code = await runProgram(process.argv.slice(2), terminal);
await Promise.all([outputWriter(terminal.output).flushed(), outputWriter(terminal.errors).flushed()]);
// An input that stays open, or an open socket of a provider, must not keep the user waiting.
process.exit(code);

#!/usr/bin/env node
import { processTerminal } from './terminal.ts';
import { outlet } from './outlet.ts';
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

// Loaded behind the check: an older Node could not even read it.
const { runProgram } = await import('./program.ts');
const terminal = processTerminal();
const code = await runProgram(process.argv.slice(2), terminal);
await Promise.all([outlet(terminal.output).flushed(), outlet(terminal.errors).flushed()]);
// An input that nobody ends, or a socket that a provider left open, must not keep the user waiting.
process.exit(code);

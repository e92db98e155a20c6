import type { Command } from 'commander';

import type { Terminal } from '../terminal.ts';

/** Adds one command to the program. Its action calls `done` with the exit code, or throws an error that the program prints. */
export type AddCommand = (program: Command, terminal: Terminal, done: (exitCode: number) => void) => void;

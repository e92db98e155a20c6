// A hostile server as a process: `node hostile-process.ts MODE [FILE]`. Each start is a line in FILE.
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { HostileServer } from './hostile.ts';

const [mode = '', file] = process.argv.slice(2);
if (file !== undefined) appendFileSync(file, `${process.pid}\n`);
if (mode === 'stubborn') {
  process.on('SIGTERM', () => undefined);
  setInterval(() => undefined, 1_000);
}
if (mode === 'parent' && file !== undefined) {
  // A process of its own, which holds its pipes.
  const helper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
  appendFileSync(file, `${helper.pid}\n`);
}
const server = new HostileServer(mode, {
  send: (message) => process.stdout.write(`${JSON.stringify(message)}\n`),
  raw: (text) => process.stdout.write(text),
  die: () => {
    process.stderr.write('Error: I died. api_key=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789\n', () =>
      process.exit(7),
    );
  },
});
createInterface({ input: process.stdin }).on('line', (line) => server.receive(JSON.parse(line)));

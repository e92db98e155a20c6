import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import { scripted } from 'sluice/testing';

const WSCAT = fileURLToPath(import.meta.resolve('wscat/bin/wscat'));

async function serve(...answers: string[]): Promise<string> {
  const server = createServer(new Pipeline([provider(scripted(answers))]), { auth: false });
  const listening = await server.listen({ port: 0 });
  onTestFinished(() => listening.close());
  return listening.url;
}

test('curl -N shows each event as it comes', async () => {
  const url = await serve('Hello');
  const args = ['-sN', '-d', '{"input":"Hi"}', '-H', 'content-type: application/json'];
  const { stdout } = await promisify(execFile)('curl', [...args, `${url}/api/v1/agent/stream`]);
  expect(stdout.split('\n\n').map((event) => /event: (\w+)/.exec(event)?.[1])).toEqual([
    ...['connected', 'content', 'complete', 'done', undefined],
  ]);
});

test('wscat shows the events of the turns that it sends', async () => {
  const url = await serve('Hello', 'Hello');
  const args = ['Hi', 'And now?'].flatMap((message) => [
    '-x',
    JSON.stringify({ action: 'send_message', message }),
  ]);
  const child = spawn(process.execPath, [
    WSCAT,
    '-c',
    `${url.replace('http', 'ws')}/ws`,
    ...args,
    '-w',
    '-1',
  ]);
  onTestFinished(() => void child.kill());
  let shown = '';
  for await (const piece of child.stdout.setEncoding('utf8')) {
    shown += String(piece);
    if (shown.split('"type":"done"').length > 2) child.stdin.end();
  }
  const turns = Map.groupBy(shown.matchAll(/"stream":"([^"]+)".*"type":"(\w+)"/g), ([, stream]) => stream);
  expect([...turns.values()].map((events) => events.map(([, , type]) => type))).toEqual([
    ['connected', 'content', 'complete', 'done'],
    ['connected', 'content', 'complete', 'done'],
  ]);
});

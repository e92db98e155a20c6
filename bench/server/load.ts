/** The process of one load: it keeps a number of requests open until all are made, checks every answer, and ends. */
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { answerOf } from '../upstream/text.ts';
import { SCRIPTS } from './plan.ts';
import type { Load, Seen } from './plan.ts';

/** What a load asks, and how often. */
export interface LoadTask extends Load {
  url: string;
  body: unknown;
}

const task = JSON.parse(process.argv[2] ?? 'null') as LoadTask;
const asked = Buffer.from(JSON.stringify(task.body));
const expected = answerOf(SCRIPTS[task.work].chunks);
const agent = new Agent({ keepAlive: true, maxSockets: task.concurrent });
const firstBytes: number[] = [];
const errors: string[] = [];

const started = performance.now();
let left = task.requests;
await Promise.all(Array.from({ length: task.concurrent }, client));
const seconds = (performance.now() - started) / 1000;
agent.destroy();

firstBytes.sort((a, b) => a - b);
const at = (share: number): number => firstBytes[Math.floor(firstBytes.length * share)] ?? Number.NaN;
const seen: Seen = {
  requests: task.requests,
  failed: errors.length,
  ...(errors[0] !== undefined && { firstError: errors[0].slice(0, 300) }),
  seconds,
  firstByteP50: at(0.5),
  firstByteP99: at(0.99),
};
process.send?.(seen, undefined, undefined, () => process.disconnect?.());

async function client(): Promise<void> {
  while (left-- > 0) {
    try {
      const text = await answer();
      if (text !== expected) errors.push(`another text, of ${text.length} characters`);
    } catch (error) {
      errors.push(String(error));
    }
  }
}

async function answer(): Promise<string> {
  const sent = performance.now();
  const response = await open();
  let body = '';
  response.setEncoding('utf8');
  for await (const piece of response) {
    if (body === '') firstBytes.push(performance.now() - sent);
    body += String(piece);
  }
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode ?? 'none'}: ${body}`);
  return textIn(body);
}

function open(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': asked.length };
    request(task.url, { method: 'POST', agent, headers }, resolve).once('error', reject).end(asked);
  });
}

/** The text in the events that have some. */
function textIn(body: string): string {
  let text = '';
  for (const line of body.split('\n')) {
    if (!line.startsWith('data:')) continue;
    const { content } = JSON.parse(line.slice(5)) as { content?: unknown };
    if (typeof content === 'string') text += content;
  }
  return text;
}

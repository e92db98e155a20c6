import { chatStream, faultServer, messagesStream, responsesStream } from '../../testing/index.ts';
import type { FaultServer } from '../../testing/index.ts';

const MAKERS = [
  ['/chat/completions', chatStream],
  ['/responses', responsesStream],
  ['/messages', messagesStream],
] as const;

/** A server that answers the smoke file by the words of its prompts: `busy` fails once, `hang` never ends, `refuse` is a 401. */
export async function upstream(): Promise<FaultServer> {
  const server = await faultServer();
  const busy = new Set<string>();
  server.always(function answer({ path, rawBody }) {
    const key = /busy [\w, ]+/.exec(rawBody)?.[0];
    if (key !== undefined && !busy.has(key)) {
      busy.add(key);
      return { status: 503, body: { error: { message: 'Busy.' } } };
    }
    if (key !== undefined) busy.delete(key);
    if (rawBody.includes('refuse')) return { status: 401, body: { error: { message: 'No.' } } };
    const make = MAKERS.find(([end]) => path.endsWith(end))?.[1];
    if (make === undefined) return undefined;
    const count = rawBody.split('"role":').length - 1;
    const stream = make({ text: `Grüße 😀 of ${count} message${count === 1 ? '' : 's'}` });
    if (!rawBody.includes('hang')) return { stream, split: { everyBytes: 50 } };
    return { stream, fault: { kind: 'stall', at: { event: stream.lines.length - 3 } } };
  });
  return server;
}

import { Chat, createClient } from '../../client/index.ts';
import type { ChatState } from '../../client/index.ts';
import type { WireItem } from '../../client/wire.ts';
import { saidItems } from './items.ts';
import { soon } from './turn.ts';
import { eventsOf, sendEvents } from './turn-server.ts';
import type { Answer, TurnServer } from './turn-server.ts';

/** A chat that tells every change at once. */
export function chatOf(server: TurnServer, conversation?: string): Chat {
  const client = createClient({ url: server.url, ...soon });
  return new Chat({ client, conversation, everyMs: 0 });
}

export const says =
  (...texts: string[]): Answer =>
  (asked, response) =>
    sendEvents(asked, response, eventsOf(saidItems(...texts)));

/** The messages in short: `user Hello`, `assistant* Hi` if it still grows. */
export function told({ messages }: ChatState): string[] {
  return messages.map(({ role, parts, state }) => {
    const text = parts.map((part) => (part.type === 'text' ? part.text : part.type)).join(' ');
    return `${role}${{ streaming: '*', done: '', partial: '!' }[state]} ${text}`;
  });
}

export const json = (response: Parameters<Answer>[1], body: unknown): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** An answer of which the test gives the events. */
export function byHand(): { answer: Answer; give: (...items: WireItem[]) => void; cut: () => void } {
  let send: Parameters<Answer>[1] | undefined;
  let at = 0;
  const begun = Promise.withResolvers<void>();
  return {
    answer: (_asked, response) => {
      send = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      begun.resolve();
    },
    give: (...items) =>
      void begun.promise.then(() => {
        for (const item of items) send?.write(`id: ${at++}.0\ndata: ${JSON.stringify(item)}\n\n`);
      }),
    cut: () => void begun.promise.then(() => send?.destroy()),
  };
}

/** Waits for a state of a chat. */
export function until(chat: Chat, is: (state: ChatState) => boolean): Promise<ChatState> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!is(chat.state)) return;
      leave();
      resolve(chat.state);
    };
    const leave = chat.subscribe(look);
    look();
  });
}

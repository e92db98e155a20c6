import { describe, expect, test } from 'vitest';
import type { WireItem } from '../../client/wire.ts';
import { byHand, chatOf, json, says, told, until } from './chat-stage.ts';
import { saidItems } from './items.ts';
import { eventsOf, sendEvents, turnServer } from './turn-server.ts';

describe('a chat that is loaded, left or stopped elsewhere', () => {
  test('begins no edit after it was left', async () => {
    let leave = (): void => undefined;
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'GET') {
        leave();
        json(response, { id: 'c', messages: [{ role: 'user', content: 'Hello' }], ids: ['m0'] });
      } else return says('Hi')(asked, response);
    });
    const chat = chatOf(server, 'c');
    await chat.load();
    // The page is closed while the server is asked for the ids.
    leave = () => chat.leave();
    await chat.edit('0', 'Other');
    expect(server.asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(told(chat.state)).toEqual(['user Hello']);
  });

  test('joins the turn that runs', async () => {
    await using server = await turnServer((asked, response) => {
      if (asked.url.startsWith('/api/v1/conversations/c'))
        json(response, {
          id: 'c',
          messages: [{ role: 'user', content: 'Hello' }],
          ids: ['m0'],
          running: 'turn-1',
        });
      else return says('Hi')(asked, response);
    });
    const chat = chatOf(server, 'c');
    await chat.load();
    expect(server.asked.map(({ url }) => url.split('?')[0])).toEqual([
      '/api/v1/conversations/c',
      '/api/v1/streams/turn-1',
    ]);
    expect(told(chat.state)).toEqual(['user Hello', 'assistant Hi']);
  });

  test('of a conversation that does not exist yet is empty', async () => {
    await using server = await turnServer((_asked, response) => void response.writeHead(404).end());
    const chat = chatOf(server, 'new');
    await chat.load();
    expect(chat.state).toMatchObject({ status: 'ready', messages: [], error: undefined });
  });

  test('waits for its history before it says something', async () => {
    const read = Promise.withResolvers<void>();
    const stored = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hi' },
    ];
    await using server = await turnServer(async (asked, response) => {
      if (asked.method === 'POST') return says('Fine')(asked, response);
      await read.promise;
      json(response, { id: 'c', messages: stored, ids: ['m0', 'm1'] });
    });
    const chat = chatOf(server, 'c');
    const loaded = chat.load();
    const sent = chat.send('How are you?');
    expect(chat.state.status).toBe('loading');
    read.resolve();
    await Promise.all([loaded, sent]);
    expect(told(chat.state)).toEqual(['user Hello', 'assistant Hi', 'user How are you?', 'assistant Fine']);
  });

  test('that turns out to be busy refuses what was said meanwhile', async () => {
    await using server = await turnServer((asked, response) => {
      if (asked.url.startsWith('/api/v1/conversations/c'))
        json(response, { id: 'c', messages: [{ role: 'user', content: 'Hi' }], ids: ['m0'], running: 't' });
      else return says('Hello')(asked, response);
    });
    const chat = chatOf(server, 'c');
    const loaded = chat.load();
    await expect(chat.send('More')).rejects.toMatchObject({ code: 'session_busy' });
    await loaded;
    expect(told(chat.state)).toEqual(['user Hi', 'assistant Hello']);
  });

  test('says nothing if it is left before its history is there', async () => {
    await using server = await turnServer((_asked, response) =>
      json(response, { id: 'c', messages: [], ids: [] }),
    );
    const chat = chatOf(server, 'c');
    const loaded = chat.load();
    const sent = chat.send('Hello');
    chat.leave();
    await Promise.all([loaded, sent]);
    expect(server.asked.map(({ method }) => method)).toEqual(['GET']);
    expect(chat.state).toMatchObject({ status: 'ready', messages: [] });
  });

  test('that is left keeps what has come of the reply, and sends it along', async () => {
    const { answer, give } = byHand();
    let requests = 0;
    await using server = await turnServer((asked, response) =>
      ++requests === 1 ? answer(asked, response) : says('Fine')(asked, response),
    );
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    give({ type: 'start', turnId: 't' }, { type: 'content', content: 'Half', call: 1, index: 0 });
    await until(chat, ({ status }) => status === 'streaming');
    chat.leave();
    await sent;
    expect(told(chat.state)).toEqual(['user Hello', 'assistant! Half']);
    expect(chat.state).toMatchObject({ status: 'ready', error: undefined });
    await chat.send('And?');
    expect(server.asked[1]?.body).toMatchObject({
      input: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Half' },
        { role: 'user', content: 'And?' },
      ],
    });
  });

  test('whose turn is stopped elsewhere has no error, and one that is cancelled otherwise has', async () => {
    const reasons = ['stopped', 'orphaned'];
    await using server = await turnServer((asked, response) => {
      const end: WireItem = { type: 'end', outcome: 'cancelled', reason: reasons.shift() ?? '' };
      sendEvents(asked, response, eventsOf([...saidItems('Half').slice(0, 2), end]));
    });
    const chat = chatOf(server);
    await chat.send('Hello');
    expect(told(chat.state)).toEqual(['user Hello', 'assistant! Half']);
    expect(chat.state.error).toBeUndefined();
    await chat.send('Hello');
    expect(chat.state.error).toMatchObject({ code: 'aborted', reason: 'orphaned' });
  });
});

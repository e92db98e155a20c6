import { describe, expect, test } from 'vitest';
import { Chat, createClient } from '../../client/index.ts';
import type { WireItem } from '../../client/wire.ts';
import { byHand, chatOf, json, says, told, until } from './chat-stage.ts';
import { saidItems } from './items.ts';
import { soon, turn } from './turn.ts';
import { eventsOf, sendEvents, turnServer } from './turn-server.ts';

describe('a chat', () => {
  test('shows the reply as it grows', async () => {
    const { answer, give } = byHand();
    await using server = await turnServer(answer);
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    expect(chat.state.status).toBe('sending');
    expect(told(chat.state)).toEqual(['user Hello', 'assistant* ']);
    const [start, hi, there, end] = saidItems('Hi', ' there');
    if (start === undefined || hi === undefined || there === undefined || end === undefined) return;
    give(start, hi);
    expect(told(await until(chat, ({ status }) => status === 'streaming'))).toEqual([
      'user Hello',
      'assistant* Hi',
    ]);
    give(there);
    await until(chat, (state) => told(state).includes('assistant* Hi there'));
    give(end);
    await sent;
    expect(told(chat.state)).toEqual(['user Hello', 'assistant Hi there']);
    expect(chat.state).toMatchObject({ status: 'ready', turnId: 'turn-1', error: undefined });
  });

  test('without a conversation has no calls to decide about', async () => {
    await using server = await turnServer(says('Hi'));
    const chat = chatOf(server);
    await expect(chat.approve('c1')).rejects.toMatchObject({ code: 'invalid_request' });
    expect([server.asked, chat.state.status]).toEqual([[], 'ready']);
  });

  test('shows no error of a reply that it has left', async () => {
    const { answer, give } = byHand();
    await using server = await turnServer(answer);
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    const [start, hi] = saidItems('Hi', ' there');
    if (start === undefined || hi === undefined) return;
    give(start, hi);
    await until(chat, ({ status }) => status === 'streaming');
    chat.leave();
    const { state } = chat;
    await sent;
    expect([chat.state, state.status, state.error]).toEqual([state, 'ready', undefined]);
  });

  test('is told nothing more of a reply once it has left it', async () => {
    await using server = await turnServer(says('Hi', ' there', ' Ada'));
    const seen: string[] = [];
    const chat: Chat = new Chat({
      client: createClient({ url: server.url, ...soon }),
      onChunk: ({ type }) => {
        seen.push(type);
        chat.leave();
      },
    });
    await chat.send('Hello');
    expect([seen, chat.state.status]).toEqual([['content'], 'ready']);
  });

  test('without a conversation sends its history along', async () => {
    await using server = await turnServer(says('Hi'));
    const chat = chatOf(server);
    await chat.send('Hello');
    await chat.send('And now?');
    await chat.regenerate();
    await chat.edit('0', 'Good day');
    const hello = { role: 'user', content: 'Hello' };
    const hi = { role: 'assistant', content: 'Hi' };
    expect(server.asked.map(({ body }) => body)).toMatchObject([
      { input: [hello] },
      { input: [hello, hi, { role: 'user', content: 'And now?' }] },
      { input: [hello, hi, { role: 'user', content: 'And now?' }] },
      { input: [{ role: 'user', content: 'Good day' }] },
    ]);
    expect(told(chat.state)).toEqual(['user Good day', 'assistant Hi']);
  });

  test('with a conversation sends only what is new', async () => {
    const stored = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hi' },
      { role: 'user', content: 'And now?' },
      { role: 'assistant', content: 'Hi' },
    ];
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'GET')
        json(response, { id: 'c', messages: stored, ids: ['m0', 'm1', 'm2', 'm3'] });
      else return says('Hi')(asked, response);
    });
    const chat = chatOf(server, 'c');
    await chat.load();
    expect(told(chat.state)).toEqual(['user Hello', 'assistant Hi', 'user And now?', 'assistant Hi']);
    await chat.send('More');
    await chat.regenerate();
    await chat.edit('2', 'Or now?');
    expect(
      server.asked
        .filter(({ method }) => method === 'POST')
        .map(({ url, body }) => [url.split('?')[0], body]),
    ).toMatchObject([
      ['/api/v1/agent/stream', { input: { role: 'user', content: 'More' }, conversation_id: 'c' }],
      ['/api/v1/conversations/c/regenerate', {}],
      ['/api/v1/conversations/c/edit', { message_id: 'm2', message: 'Or now?' }],
    ]);
    expect(told(chat.state)).toEqual(['user Hello', 'assistant Hi', 'user Or now?', 'assistant Hi']);
  });

  test('keeps its history if the message to edit cannot be looked up', async () => {
    let isAway = false;
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'GET' && isAway) return void response.writeHead(503).end();
      if (asked.method === 'GET')
        json(response, { id: 'c', messages: [{ role: 'user', content: 'Hello' }], ids: ['m0'] });
      else return says('Hi')(asked, response);
    });
    const chat = chatOf(server, 'c');
    await chat.load();
    isAway = true;
    await expect(chat.edit('0', 'Other')).rejects.toMatchObject({ code: 'overloaded' });
    await chat.send('More');
    expect(told(chat.state)).toEqual(['user Hello', 'user More', 'assistant Hi']);
  });

  test('shows a reply with its tools as one message', async () => {
    const { items } = await turn();
    await using server = await turnServer((asked, response) => sendEvents(asked, response, eventsOf(items)));
    const chat = chatOf(server);
    await chat.send('Weather?');
    expect(told(chat.state)).toEqual([
      'user Weather?',
      'assistant thinking tool_call tool_result It rains in Bonn.',
    ]);
  });

  test('shows calls while the model writes them, and how far a tool is', async () => {
    const { answer, give } = byHand();
    await using server = await turnServer(answer);
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    give(
      { type: 'start', turnId: 't' },
      { type: 'tool_call_delta', id: 'a', name: 'search', argumentsDelta: '{"q":', call: 1, index: 0 },
      { type: 'tool_call_delta', id: 'a', argumentsDelta: '"x"', call: 1, index: 1 },
    );
    const { drafts } = await until(chat, (state) => state.drafts[0]?.text === '{"q":"x"');
    expect(drafts).toEqual([{ id: 'a', name: 'search', text: '{"q":"x"' }]);
    give(
      { type: 'tool_call', id: 'a', name: 'search', arguments: { q: 'x' }, call: 1, index: 2 },
      { type: 'tool_progress', id: 'a', name: 'search', data: { percent: 40 }, call: 1, index: 3 },
    );
    const state = await until(chat, ({ progress }) => progress['a'] !== undefined);
    expect(state.progress).toEqual({ a: { percent: 40 } });
    expect(state.drafts).toEqual([]);
    give({ type: 'end', outcome: 'completed', finishReason: 'stop' });
    await sent;
    expect(chat.state.progress).toEqual({});
  });

  test('waits for decisions, and goes on with the turn', async () => {
    const pending = [{ callId: 'call-1', name: 'refund', arguments: { amount: 80 }, waitsFor: 'approval' }];
    const call: WireItem = {
      ...{ type: 'tool_call', id: 'call-1', name: 'refund', arguments: { amount: 80 }, call: 1, index: 0 },
    };
    await using server = await turnServer((asked, response) => {
      const isDecision = asked.url.includes('/decisions');
      const items: object[] = [{ type: 'start', turnId: 't' }, call];
      if (isDecision) {
        items.push(
          {
            type: 'tool_result',
            id: 'call-1',
            name: 'refund',
            content: 'paid',
            isError: false,
            call: 1,
            index: 1,
          },
          { type: 'content', content: 'Done.', call: 2, index: 2 },
          { type: 'end', outcome: 'completed', finishReason: 'stop' },
        );
      } else items.push({ type: 'end', outcome: 'interrupted', reason: 'approval', pending });
      sendEvents(asked, response, eventsOf(items));
    });
    const chat = chatOf(server, 'c');
    await chat.send('My money back');
    expect(chat.state).toMatchObject({ status: 'waiting', pending });
    await chat.approve('call-1', 'ok');
    expect(server.asked.at(-1)?.body).toMatchObject({
      decisions: { 'call-1': { approve: true, reason: 'ok' } },
    });
    expect(chat.state).toMatchObject({ status: 'ready', pending: [] });
    expect(told(chat.state)).toEqual(['user My money back', 'assistant tool_call tool_result Done.']);
    await chat.deny('call-1');
    expect(server.asked.at(-1)?.body).toMatchObject({
      decisions: { 'call-1': { deny: expect.any(String) } },
    });
  });

  test('that is stopped keeps what has come, and has no error', async () => {
    const { answer, give } = byHand();
    await using server = await turnServer((asked, response) => {
      if (!asked.url.endsWith('/stop')) return answer(asked, response);
      json(response, { status: 'pending' });
      give({ type: 'end', outcome: 'cancelled', reason: 'stopped' });
    });
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    give({ type: 'start', turnId: 't' }, { type: 'content', content: 'Half', call: 1, index: 0 });
    await until(chat, ({ status }) => status === 'streaming');
    await chat.stop();
    await sent;
    expect(told(chat.state)).toEqual(['user Hello', 'assistant! Half']);
    expect(chat.state).toMatchObject({ status: 'ready', error: undefined });
  });

  test('leaves the stream if a server cannot stop it', async () => {
    const { answer, give } = byHand();
    const gone = Promise.withResolvers<void>();
    await using server = await turnServer((asked, response) => {
      if (asked.url.endsWith('/stop')) return void response.writeHead(404).end();
      response.on('close', gone.resolve);
      return answer(asked, response);
    });
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    give({ type: 'start', turnId: 't' }, { type: 'content', content: 'Half', call: 1, index: 0 });
    await until(chat, ({ status }) => status === 'streaming');
    await chat.stop();
    await Promise.all([sent, gone.promise]);
    expect(told(chat.state)).toEqual(['user Hello', 'assistant! Half']);
    expect(chat.state.error).toBeUndefined();
  });

  test('says what went wrong, and reads the stream again when asked to', async () => {
    let isAway = true;
    const events = eventsOf(saidItems('Half', ' and whole'));
    await using server = await turnServer((asked, response) => {
      if (asked.method === 'POST') sendEvents(asked, response, events, 2);
      else if (isAway) response.destroy();
      else sendEvents(asked, response, events);
    });
    const client = createClient({ url: server.url, reconnect: { attempts: 1, initialMs: 0 } });
    const chat = new Chat({ client, everyMs: 0 });
    const statuses = new Set<string>();
    chat.subscribe(() => statuses.add(chat.state.status));
    await chat.send('Hello');
    expect(told(chat.state)).toEqual(['user Hello', 'assistant! Half']);
    expect(chat.state).toMatchObject({ status: 'ready', error: { code: 'network' } });
    expect(statuses).toContain('reconnecting');
    isAway = false;
    await chat.resume();
    expect(told(chat.state)).toEqual(['user Hello', 'assistant Half and whole']);
    expect(chat.state.error).toBeUndefined();
  });

  test('refuses a second message while a reply comes, and forgets all when it is cleared', async () => {
    const { answer } = byHand();
    await using server = await turnServer(answer);
    const chat = chatOf(server);
    const sent = chat.send('Hello');
    await expect(chat.send('Again')).rejects.toMatchObject({ code: 'session_busy' });
    chat.clear();
    await sent;
    expect(chat.state).toMatchObject({ status: 'ready', messages: [] });
  });
});

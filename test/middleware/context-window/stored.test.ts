import { assistant, chat, pad, short, user } from './support.ts';
import { ASK, pipelineOf, sentOf, summariesOf, summarizer } from './summaries.ts';
import { Pipeline } from 'sluice';
import type { Message, Middleware } from 'sluice';
import { conversationSummary, type StoredSummary } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { agentTool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';

describe('a summary belongs to its conversation', () => {
  const Kept: Middleware = function kept(context, next) {
    if (context.session?.get(conversationSummary) === undefined) {
      const stored = context.request.metadata?.['stored'];
      if (stored !== undefined) context.session?.set(conversationSummary, stored as StoredSummary);
    }
    return next();
  };

  async function storedOf(messages: readonly Message[]): Promise<unknown> {
    let stored: unknown;
    const look: Middleware = async function* look(context, next) {
      const reply = yield* next();
      stored = context.session?.get(conversationSummary);
      return reply;
    };
    const { pipeline } = pipelineOf(summarizer(), {}, { above: [look] });
    await pipeline.executeWithContext('s', messages);
    return JSON.parse(JSON.stringify(stored));
  }

  async function sentWith(stored: unknown, messages: readonly Message[]): Promise<string[]> {
    const model = summarizer(() => 'new');
    const { pipeline } = pipelineOf(model, {}, { above: [Kept] });
    await pipeline.executeWithContext('other', messages, { metadata: { stored } });
    return sentOf(model);
  }

  test('it is found for the same messages, in any order of their fields', async () => {
    const stored = await storedOf(chat(15));
    expect(stored).toMatchObject({ v: 1, text: 'sum 1', messages: 20 });
    const turned = chat(16).map(({ role, content }) => ({
      content: [{ text: String(content), type: 'text' as const }],
      role,
    }));
    const sent = await sentWith(stored, turned);
    expect(sent.slice(0, 2)).toEqual([ASK, 'a:sum 1']);
    expect(sent).toHaveLength(2 + 33 - 20);
  });

  test('it still replaces messages that were not loaded', async () => {
    const stored = await storedOf(chat(15));
    // The last 13 messages of 33: from turn 11 on, the first that it does not stand for.
    expect(await sentWith(stored, chat(16).slice(-13))).toEqual([
      ASK,
      'a:sum 1',
      ...chat(16).slice(-13).map(short),
    ]);
    // Two more turns were loaded. Those that the summary replaces are not sent again.
    expect(await sentWith(stored, chat(16).slice(-17))).toEqual([
      ASK,
      'a:sum 1',
      ...chat(16).slice(-13).map(short),
    ]);
  });

  test('a fork from before its end does not use it', async () => {
    const stored = await storedOf(chat(15));
    expect(await sentWith(stored, [...chat(3).slice(0, -1), user('another way')])).not.toContain('a:sum 1');
    const other = [
      ...chat(9).slice(0, -1),
      ...Array.from({ length: 9 }, (_, at) => [user(pad(`x${at}`)), assistant(pad('y'))]).flat(),
      user('z'),
    ];
    expect((await sentWith(stored, other)).slice(0, 2)).toEqual([ASK, 'a:new']);
  });

  test('that an agent makes of its own conversation is not that of the session', async () => {
    const inner = summarizer();
    const agent = agentTool(pipelineOf(inner).pipeline, {
      name: 'agent',
      description: 'Helps',
      input: z.object({}),
      messages: () => chat(15),
    });
    let stored: unknown = 'not looked at';
    const look: Middleware = async function* look(context, next) {
      const reply = yield* next();
      stored = context.session?.get(conversationSummary);
      return reply;
    };
    const model = scripted([{ toolCalls: [{ name: 'agent', arguments: {} }] }, 'done']);
    const pipeline = new Pipeline([look, tools([agent]), provider(model)]);
    await pipeline.executeWithContext('s', 'user', 'Hello.');
    expect(summariesOf(inner)).toHaveLength(1);
    expect(stored).toBeUndefined();
  });

  test.each([
    [null],
    ['text'],
    [{ v: 2, text: 'x' }],
    [{ v: 1, text: '', messages: 2, first: '', last: '' }],
  ])('a broken one (%j) is ignored', async (broken) => {
    expect((await sentWith(broken, chat(15))).slice(0, 2)).toEqual([ASK, 'a:new']);
  });
});

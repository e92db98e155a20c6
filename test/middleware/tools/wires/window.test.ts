import { MemoryStore, Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { contextWindow } from 'sluice/middleware/context-window';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { at } from '../../../support/json.ts';
import { wireStage, wires } from './stage.ts';
import type { MadeReply, ToolWire, WireStage } from './stage.ts';

/** A tool with long results, and how often it ran. */
function longTool() {
  const runs: number[] = [];
  const read = tool({
    name: 'read',
    description: 'Reads a page',
    input: z.object({ page: z.number() }),
    execute: ({ page }) => {
      runs.push(page);
      return `page ${page}: ${'word '.repeat(300)}`;
    },
  });
  return { read, runs };
}

const isSummary = (body: unknown): boolean => JSON.stringify(body).includes('<transcript>');
const reads = (...pages: number[]): MadeReply => ({
  thinking: `Page ${pages[0]}?`,
  toolCalls: pages.map((page) => ({ name: 'read', id: 'call_0', arguments: { page } })),
});

/** Answers summaries, and for the rest gives the replies in turn. */
function answering(stage: WireStage, replies: MadeReply[]): void {
  stage.always((body) =>
    isSummary(body) ? { text: 'They read pages.' } : (replies.shift() ?? { text: 'No more.' }),
  );
}

const window = (strategy: 'drop-oldest' | 'summarize'): Middleware =>
  contextWindow({ maxTokens: 1_400, strategy, counter: 'heuristic' });

const stacks: Record<string, (loop: Middleware, layer: Middleware) => Middleware[]> = {
  below: (loop, layer) => [loop, layer],
  above: (loop, layer) => [layer, loop],
};

const cases = wires.flatMap((wire) =>
  Object.entries(stacks).flatMap(([where, stack]) =>
    (['drop-oldest', 'summarize'] as const).map((strategy) => ({
      name: wire.name,
      wire,
      where,
      stack,
      strategy,
    })),
  ),
);

test.each(cases)(
  'contextWindow with $strategy $where the loop over $name never cuts between a reply and its results',
  async ({ wire, stack, strategy, where }) => {
    await using stage = await wireStage(wire);
    const { read, runs } = longTool();
    const pipeline = new Pipeline([...stack(tools([read]), window(strategy)), stage.model]);
    answering(stage, [
      ...[reads(1), reads(2, 3), { text: 'One, two, three.' }],
      ...[reads(4), { text: 'Four.' }],
      ...[reads(5, 6), reads(7), { text: 'Five, six, seven.' }],
    ]);
    for (const said of ['Read three.', 'Read one.', 'Read the rest.']) {
      const result = await pipeline.executeWithContext('s', 'user', said);
      expect(result.response.finishReason).toBe('stop');
    }
    expect(runs).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const bodies = stage.server.requests.map(({ body }) => body);
    const [last] = bodies.slice(-1);
    const sent = wire.results(last).map(({ text }) => text.slice(0, 6));
    const pages = runs.map((page) => `page ${page}`);
    expect(sent.length).toBeLessThan(7);
    expect(sent).toEqual(pages.slice(-sent.length));
    // Above the loop only what came before the turn is cut.
    if (where === 'above') expect(sent.length).toBeGreaterThanOrEqual(3);
    const summaries = bodies.filter(isSummary);
    expect(summaries.length > 0).toBe(strategy === 'summarize');
    for (const body of summaries) {
      // The summarizer's own request has the rounds as text, whole, and calls no tool.
      expect([wire.calls(body), wire.results(body)]).toEqual([[], []]);
      const told = JSON.stringify(body);
      expect(told.match(/calls read with/g)).toHaveLength(told.match(/\[read answered\]/g)?.length ?? 0);
      expect([undefined, 'none', { type: 'none' }]).toContainEqual(at(body, 'tool_choice'));
    }
  },
);

describe.each(wires)('a turn over $name that goes on below a window that summarizes', (wire: ToolWire) => {
  test('gives its record to the turn, not to the summary', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { read, runs } = longTool();
    const process = () => new Pipeline([window('summarize'), tools([read]), stage.model], { store });
    answering(stage, [reads(1), reads(2, 3, 4), { text: 'One to four.' }]);
    await process().executeWithContext('s', 'user', 'Read four.');
    stage.always((body) => (isSummary(body) ? { text: ' ' } : reads(5)));
    const options = { turnId: 't' };
    const failing = new Pipeline(
      [window('summarize'), tools([read], { maxRounds: 1, onMaxRounds: 'fail' }), stage.model],
      {
        store,
      },
    );
    await expect(failing.executeWithContext('s', 'user', 'Read one.', options)).rejects.toMatchObject({
      code: 'tool',
    });
    answering(stage, [{ text: 'Five.' }]);
    const result = await process().executeWithContext('s', 'user', 'Read one.', options);
    expect([runs, result.response.content]).toEqual([[1, 2, 3, 4, 5], 'Five.']);
    const last = stage.server.requests.map(({ body }) => body);
    const asked = last.slice(-2);
    expect(asked.map(isSummary)).toEqual([true, false]);
    expect(wire.results(asked[0])).toEqual([]);
    expect(wire.results(asked[1]).map(({ text }) => text.slice(0, 6))).toEqual(['page 5']);
  });
});

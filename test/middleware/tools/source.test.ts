import { MemoryStore, Pipeline, decide, isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { mockTool, tools, toolsOf } from 'sluice/middleware/tools';
import type { Tool, ToolSource } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { calling, play } from './stage.ts';

/** A list that another one takes the place of at its next refresh. */
class Changing implements ToolSource {
  tools: readonly Tool[];
  next: readonly Tool[] | Error | undefined;
  refreshes = 0;

  constructor(...list: Tool[]) {
    this.tools = list;
  }

  refresh(): Promise<void> | undefined {
    const { next } = this;
    if (next === undefined) return undefined;
    this.refreshes++;
    this.next = undefined;
    if (next instanceof Error) return Promise.reject(next);
    return Promise.resolve().then(() => void (this.tools = next));
  }
}

const offered = (requests: readonly { tools?: readonly { name: string }[] | undefined }[]): string[] =>
  requests.map(({ tools = [] }) => tools.map(({ name }) => name).join(' '));

describe('a source of tools', () => {
  test('each round offers its tools as they are then, after those of the list before it', async () => {
    const source = new Changing(mockTool('old'));
    const own = mockTool('own', { answers: [() => void (source.next = [mockTool('new')])] });
    const { model, seen } = await play(tools([own, source]), [calling(['own', {}]), 'Done.']);
    expect(offered(model.requests)).toEqual(['own old', 'own new']);
    expect(seen.at(-1)).toBe('done');
  });

  test('is brought up to date before the first round, too', async () => {
    const source = new Changing();
    const layer = tools([source]);
    source.next = [mockTool('new')];
    const { model, result } = await play(layer, [calling(['new', {}]), 'Done.']);
    expect(offered(model.requests)).toEqual(['new', 'new']);
    expect(result?.response.content).toBe('Done.');
    expect(source.refreshes).toBe(1);
    expect([...toolsOf([layer]).keys()]).toEqual(['new']);
  });

  test('a tool that it has no more is unknown to the model', async () => {
    const source = new Changing(mockTool('old'));
    const own = mockTool('own', { answers: [() => void (source.next = [])] });
    const list = [calling(['own', {}]), calling(['old', {}]), 'Done.'];
    const { chunks } = await play(tools([own, source]), list);
    const results = chunks.filter(({ type }) => type === 'tool_result');
    expect(results.at(-1)).toMatchObject({ isError: true, content: expect.stringMatching(/no tool "old"/) });
  });

  test('that cannot be brought up to date is a warning, and its tools stay', async () => {
    const source = new Changing(mockTool('old'));
    source.next = new RangeError('words of a server');
    const { result, model } = await play(tools([source]), 'Done.');
    expect(result?.warnings).toEqual([
      'tools(): a list of tools could not be brought up to date: RangeError.',
    ]);
    expect(offered(model.requests)).toEqual(['old']);
  });

  test('two tools of one name are an error at the start, and later the new one is left out with a warning', async () => {
    expect(() => tools([mockTool('a'), new Changing(mockTool('a'))])).toThrow(/two tools have the name a/);
    const source = new Changing(mockTool('b'));
    const own = mockTool('a', { answers: ['ours'] });
    source.next = [mockTool('a', { answers: ['theirs'] }), mockTool('b')];
    const { result, chunks, model } = await play(tools([own, source]), [calling(['a', {}]), 'Done.']);
    expect(offered(model.requests)).toEqual(['a b', 'a b']);
    expect(chunks.find(({ type }) => type === 'tool_result')).toMatchObject({ content: 'ours' });
    expect(result?.warnings).toEqual([
      expect.stringContaining('a tool "a" of a list that changes is left out'),
    ]);
  });

  test('gives way to a tool of the request', async () => {
    const source = new Changing(mockTool('a'), mockTool('b'));
    const parameters = { type: 'object' };
    const { result, model } = await play(tools([source]), 'Done.', { tools: [{ name: 'a', parameters }] });
    expect(offered(model.requests)).toEqual(['a b']);
    expect(result?.warnings).toEqual([expect.stringContaining('a tool "a" of a list')]);
  });

  test('a name that active gives may be missing for a while', async () => {
    const source = new Changing(mockTool('a'));
    const { model, error } = await play(tools([source], { active: () => ['a', 'gone'] }), 'Done.');
    expect(error).toBeUndefined();
    expect(offered(model.requests)).toEqual(['a']);
  });
});

describe('an approval of a call', () => {
  const input = z.object({ path: z.string() });
  const wide = z.object({ path: z.string(), force: z.boolean().default(true) });

  test.each([
    ['is used with the tool as it was', () => mockTool('rm', { input, needsApproval: true }), undefined],
    ['is lost if the tool has changed', () => mockTool('rm', { input: wide, needsApproval: true }), 'tool'],
  ])('%s', async (_what, next, code) => {
    const source = new Changing(mockTool('rm', { input, needsApproval: true }));
    const model = scripted([calling(['rm', { path: '/tmp/x' }]), 'Done.']);
    await using pipeline = new Pipeline([tools([source]), provider(model)], { store: new MemoryStore() });
    const first = await pipeline.executeWithContext('s', 'user', 'Remove it.');
    const [waits] = first.pending ?? [];
    const tool = next();
    source.next = [tool];
    const turn = pipeline.executeWithContext('s', decide({ [waits?.callId ?? '']: { approve: true } }));
    const end = await turn.then(
      ({ outcome }) => outcome,
      (error: unknown) => (isSluiceError(error) ? error.code : String(error)),
    );
    expect(end).toBe(code ?? 'completed');
    expect(tool.calls.length).toBe(code === undefined ? 1 : 0);
  });
});

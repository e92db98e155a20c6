import { MemoryStore, Pipeline, decide } from 'sluice';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { near } from './stage.ts';

describe('a list of tools over pages', () => {
  test.each([
    ['whose cursors never end', 'endless', 100, 'has more than 100 pages'],
    ['whose cursors go round in a circle', 'circle', 4, 'goes round in a circle'],
    ['whose cursor does not advance', 'stuck', 2, 'goes round in a circle'],
  ])('%s is read no further', async (_what, mode, requests, warning) => {
    const { mcp, server } = await near(mode);
    expect(server.received.filter(({ method }) => method === 'tools/list').length).toBe(requests);
    expect(mcp.warnings).toContainEqual(expect.stringContaining(warning));
    expect(mcp.tools.length).toBeGreaterThan(0);
    await mcp.close();
  });

  test('is cut at maxTools', async () => {
    const { mcp } = await near('many', { maxTools: 50 });
    expect(mcp.tools.length).toBe(50);
    expect(mcp.warnings).toEqual([expect.stringContaining('more than 50 tools')]);
    await mcp.close();
  });

  test('that is something else is an error', async () => {
    await expect(near('no-list')).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringContaining('list of tools'),
    });
  });
});

test('names of tools fit each wire, depend on nothing else, and are unique; bad tools are left out with a warning', async () => {
  const { mcp } = await near('evil', { prefix: 'p-' });
  const names = mcp.tools.map(({ name }) => name);
  for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toMatchSnapshot();
  expect(mcp.warnings).toMatchSnapshot();
  await mcp.close();
});

test('schemas are made such that a model can be given them', async () => {
  const { mcp } = await near('evil');
  const parametersOf = (name: string) => mcp.tools.find((tool) => tool.name === name)?.parameters;
  expect(parametersOf('empty_schema')).toEqual({ type: 'object', properties: {} });
  expect(parametersOf('near_reference')).toEqual({
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
  });
  expect(parametersOf('root_reference')).toMatchObject({
    type: 'object',
    properties: { v: { type: 'number' } },
  });
  expect(parametersOf('bad_pattern')).toMatchObject({ properties: { a: { pattern: '(' } } });
  await mcp.close();
});

test('arguments are checked, but not with a pattern of the server, which could take forever', async () => {
  const { mcp } = await near('evil');
  const check = (name: string, input: unknown) => mcp.tools.find((tool) => tool.name === name)?.check(input);
  expect(await check('near_reference', { a: 7 })).toMatchObject({ problem: expect.stringContaining('a') });
  expect(await check('root_reference', { next: { v: 'x' } })).toHaveProperty('problem');
  expect(await check('slow_pattern', { a: `${'a'.repeat(60)}!` })).toHaveProperty('value');
  await mcp.close();
});

test('descriptions are cut, and have no characters that nobody sees', async () => {
  const { mcp } = await near('evil', { maxDescriptionCharacters: 100 });
  const said = (name: string) => mcp.tools.find((tool) => tool.name === name)?.description;
  expect(said('hidden')).toBe('Adds. Numbers.');
  expect(said('long')?.length).toBeLessThan(120);
  expect(mcp.instructions?.length).toBeLessThan(20_100);
  expect(mcp.server).toEqual({ name: 'hostile', version: '6.6.6' });
  await mcp.close();
});

test('what a server says of itself is in no request', async () => {
  const { mcp } = await near('');
  const model = scripted('Done.');
  const { result } = { result: await new Pipeline([tools([mcp]), provider(model)]).execute('user', 'Hello') };
  expect(result.outcome).toBe('completed');
  expect(JSON.stringify(model.requests)).not.toContain('Ignore all previous');
  await mcp.close();
});

test('warnings of the list are warnings of each execution', async () => {
  const { mcp } = await near('stuck');
  const { warnings } = await new Pipeline([tools([mcp]), provider(scripted('Done.'))]).execute(
    'user',
    'Hello',
  );
  expect(warnings).toEqual(mcp.warnings);
  expect(warnings).toContainEqual(expect.stringContaining('goes round in a circle'));
  await mcp.close();
});

describe('a list that changes', () => {
  test('is read again at the next round, and only then', async () => {
    const { mcp, server } = await near('changing');
    const model = scripted([{ toolCalls: [{ name: 'stays', arguments: {} }] }, 'Done.']);
    const before = mcp.tools;
    server.change();
    server.change();
    await new Promise(setImmediate);
    expect(mcp.tools).toBe(before);
    await new Pipeline([tools([mcp]), provider(model)]).execute('user', 'Go on.');
    const said = model.requests.map(({ tools: sent = [] }) => sent.map(({ description }) => description));
    expect(said).toEqual([
      ['The tool stays', 'Version 3'],
      ['The tool stays', 'Version 3'],
    ]);
    expect(server.received.filter(({ method }) => method === 'tools/list').length).toBe(2);
    await mcp.close();
  });

  test('takes an approval of a tool that has changed, and of no other', async () => {
    const { mcp, server } = await near('changing', { each: () => ({ needsApproval: true }) });
    const calls = ['stays', 'moves'].map((name) => ({ name, arguments: {} }));
    const model = scripted([{ toolCalls: calls }, 'Done.']);
    await using pipeline = new Pipeline([tools([mcp]), provider(model)], { store: new MemoryStore() });
    const { pending = [] } = await pipeline.executeWithContext('s', 'user', 'Go on.');
    expect(pending.map(({ name }) => name)).toEqual(['stays', 'moves']);
    server.change();
    await new Promise(setImmediate);
    const [stays, moves] = pending.map(({ callId }) => decide({ [callId]: { approve: true } }));
    if (stays === undefined || moves === undefined) throw new Error('Nothing waits.');
    await expect(pipeline.executeWithContext('s', moves)).rejects.toMatchObject({
      code: 'tool',
      message: expect.stringContaining('has changed'),
    });
    await pipeline.executeWithContext('s', stays);
    expect(
      server.received.flatMap(({ method, params }) => (method === 'tools/call' ? [params?.name] : [])),
    ).toEqual(['stays']);
    await mcp.close();
  });

  test('that is still the same is the same array, so that nothing is made anew', async () => {
    const { mcp, server } = await near('');
    const before = mcp.tools;
    server.change();
    await new Promise(setImmediate);
    await mcp.refresh();
    expect(server.received.filter(({ method }) => method === 'tools/list').length).toBe(2);
    expect(mcp.tools).toBe(before);
    await mcp.close();
  });

  test('that does not come holds up one round, not each', async () => {
    const { mcp, server } = await near('once', { connectTimeoutMs: 1 });
    server.change();
    await new Promise(setImmediate);
    const run = () => new Pipeline([tools([mcp]), provider(scripted('Done.'))]).execute('user', 'Hello');
    expect((await run()).warnings).toEqual([
      'tools(): a list of tools could not be brought up to date: SluiceError.',
    ]);
    expect((await run()).warnings).toEqual([]);
    expect(mcp.tools.map(({ name }) => name)).toEqual(['echo']);
    await mcp.close();
    expect(mcp.server?.name).toBe('hostile');
  });

  test('a server that says so without end makes one request a round', async () => {
    const { mcp, server } = await near('changing');
    for (let at = 0; at < 1_000; at++) server.change();
    await new Promise(setImmediate);
    await mcp.refresh();
    expect(server.received.filter(({ method }) => method === 'tools/list').length).toBe(2);
    await mcp.close();
  });
});

describe('each', () => {
  test('says which tools there are, and how they are used', async () => {
    const { mcp } = await near('', {
      each: ({ name, offeredAs, description }) =>
        name === 'echo'
          ? { idempotent: true, parallel: false, description: `${offeredAs}: ${description}` }
          : false,
      prefix: 'h_',
    });
    expect(mcp.tools).toMatchObject([
      { name: 'h_echo', description: 'h_echo: The tool echo', parallel: false, onUnknownOutcome: 'retry' },
    ]);
    await mcp.close();
  });

  test.each([
    [
      'throws',
      () => {
        throw new RangeError('words');
      },
      'middleware',
      'mcpTools(): each threw RangeError',
    ],
    ['is async', async () => ({}), 'invalid_options', 'mcpTools(): each returned a promise'],
    [
      'gives an unknown option',
      () => ({ idempotant: true }),
      'invalid_options',
      'each.idempotant is not an option',
    ],
  ])('that %s is an error', async (_what, each, code, message) => {
    await expect(near('', { each: each as never })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});

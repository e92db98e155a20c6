import { MemoryStore, Pipeline } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { at, listAt } from '../../../support/json.ts';
import { chat, messages, responses, wireStage, wires } from './stage.ts';
import type { ToolWire } from './stage.ts';

const PNG = 'iVBORw0KGgo=';
const image = { type: 'image', data: PNG, mediaType: 'image/png' } as const;
const sound = { type: 'file', data: 'UklGRg==', mediaType: 'audio/wav' } as const;

/** What becomes of results on a wire: the bodies of the next request and of the next turn's. */
async function given(wire: ToolWire, returned: readonly unknown[], maxResultCharacters?: number) {
  await using stage = await wireStage(wire);
  const give = tool({
    name: 'give',
    description: 'Gives',
    input: z.object({ n: z.number() }),
    execute: ({ n }) => returned[n],
  });
  const store = new MemoryStore();
  const process = () => new Pipeline([tools([give], { maxResultCharacters }), stage.model], { store });
  stage.enqueue(
    { toolCalls: returned.map((_one, n) => ({ name: 'give', arguments: { n } })) },
    { text: 'Fine.' },
    { text: 'You are welcome.' },
  );
  const { warnings } = await process().executeWithContext('s', 'user', 'Go');
  await process().executeWithContext('s', 'user', 'Thanks!');
  expect(wire.results(stage.body(2))).toEqual(wire.results(stage.body(1)));
  return { body: stage.body(1), texts: wire.results(stage.body(1)).map(({ text }) => text), warnings };
}

const circle: { inner?: unknown } = {};
circle.inner = circle;

describe.each(wires)('results over $name', (wire) => {
  test('have one normal form', async () => {
    const { texts, warnings } = await given(wire, [
      'text',
      undefined,
      null,
      { a: undefined, at: new Date(0), n: [1] },
      1n,
      circle,
      { call: () => 1 },
      'half \ud83d',
      '',
    ]);
    expect(texts.slice(0, 8)).toEqual([
      'text',
      'null',
      'null',
      '{"at":"1970-01-01T00:00:00.000Z","n":[1]}',
      'The tool returned what cannot be sent: result is a bigint.',
      'The tool returned what cannot be sent: result.inner contains itself.',
      'The tool returned what cannot be sent: result.call is a function.',
      'half \ufffd',
    ]);
    expect(warnings).toEqual([]);
  });

  test('are cut in their middle, text alone: an image is whole', async () => {
    const long = `${'a'.repeat(500)}${'😀'.repeat(500)}${'z'.repeat(500)}`;
    const { texts, body } = await given(wire, [long, [{ type: 'text', text: long }, image]], 101);
    expect(texts[0]).toMatch(/^a{51}\n\(1899 characters left out\)\nz{50}$/);
    expect(JSON.stringify(body)).toContain(PNG);
    expect(JSON.stringify(body)).not.toContain('😀');
  });

  test('with images, several side by side and in order, keep the request valid', async () => {
    const { body, warnings } = await given(wire, [
      [{ type: 'text', text: 'a cat' }, image],
      'between',
      image,
    ]);
    expect(JSON.stringify(body).split(PNG)).toHaveLength(3);
    expect(warnings).toEqual(
      wire === chat
        ? [
            'openai: a part of type image cannot be sent in the result of a tool, it follows as a message of the user',
          ]
        : [],
    );
  });

  test('with a sound, which no wire takes in a result, follow as a message of the user or are left out, with a warning', async () => {
    const { body, texts, warnings } = await given(wire, [[{ type: 'text', text: 'a song' }, sound], sound]);
    expect(texts[0]).toContain('a song');
    expect(warnings).toEqual([
      wire === messages
        ? 'anthropic: a file of type audio/wav cannot be sent, it is left out'
        : 'openai: a part of type file cannot be sent in the result of a tool, it follows as a message of the user',
    ]);
    const last = [...listAt(body, 'messages'), ...listAt(body, 'input')].at(-1);
    if (wire === messages) expect(JSON.stringify(body)).not.toContain('UklGRg');
    else expect([at(last, 'role'), JSON.stringify(last).split('UklGRg').length]).toEqual(['user', 3]);
  });
});

test('a result of nothing but an image names the message that it is in, on the wire that takes text alone', async () => {
  const { texts } = await given(chat, [image]);
  expect(texts).toEqual(['The result is in the next message of the user.']);
  const alone = await given(responses, [sound]);
  expect(alone.texts).toEqual(['The result is in the next message of the user.']);
});

import { describe, expect, it } from 'vitest';

import { added, created, delta, done, ended, functionCall, message, textDone } from './responses-events.ts';
import { blockOf, callsOf, decode, joined } from './support.ts';

/** Text and thinking of a stream, and its calls as `id name arguments`. */
function told(events: readonly object[]): { text: string; thinking: string; calls: string[] } {
  const { chunks, error } = decode('responses', [created(), ...events]);
  expect(error).toBeUndefined();
  const calls = callsOf(chunks).map(
    ({ id, name, arguments: args }) => `${id} ${name} ${JSON.stringify(args)}`,
  );
  return { text: joined(chunks, 'content'), thinking: joined(chunks, 'thinking'), calls };
}

const partDone = (text: string, output_index: number | undefined = 0, more: object = {}): object => ({
  type: 'response.content_part.done',
  output_index,
  content_index: 0,
  part: { type: 'output_text', text, annotations: [] },
  ...more,
});
const partAdded = (text: string, more: object = {}): object => ({
  type: 'response.content_part.added',
  output_index: 0,
  content_index: 0,
  part: { type: 'output_text', text, annotations: [] },
  ...more,
});
const argumentsDelta = (content: string, more: object): object => ({
  type: 'response.function_call_arguments.delta',
  delta: content,
  ...more,
});
const argumentsDone = (text: string, more: object = {}): object => ({
  type: 'response.function_call_arguments.done',
  arguments: text,
  ...more,
});
const none = undefined;
const hello = message('Hello');
const { id: _id, ...anonymous } = { id: '', ...message('Hello', { id: none }) };

describe('a text that comes in several events is delivered once', () => {
  it.each<[string, object[]]>([
    [
      'whose ids change with each event, as those of Copilot',
      [
        added(0, { ...hello, id: 'a', content: [] }),
        delta('Hel', 0, { item_id: 'b' }),
        delta('lo', 0, { item_id: 'c' }),
        textDone('Hello', 0, { item_id: 'd' }),
        done(0, { ...hello, id: 'e' }),
        ended({ output: [{ ...hello, id: 'f' }] }),
      ],
    ],
    [
      'without indices, as those of llama.cpp',
      [
        added(none, { ...hello, content: [] }),
        delta('Hel', none, { item_id: 'msg_1' }),
        delta('lo', none, { item_id: 'msg_1' }),
        textDone('Hello', none, { item_id: 'msg_1' }),
        partDone('Hello', none, { item_id: 'msg_1' }),
        done(none, hello),
        ended({ output: [hello] }),
      ],
    ],
    [
      'without ids',
      [
        added(0, anonymous),
        delta('Hello'),
        textDone('Hello'),
        done(0, anonymous),
        ended({ output: [anonymous] }),
      ],
    ],
    [
      'with neither',
      [
        added(none, { ...anonymous, content: [] }),
        delta('Hello', none),
        textDone('Hello', none),
        done(none, anonymous),
        ended({ output: [anonymous] }),
      ],
    ],
    [
      'with an index here and an id there',
      [
        added(0, { ...anonymous, content: [] }),
        delta('Hel', none, { item_id: 'msg_1' }),
        delta('lo', 0),
        textDone('Hello', none, { item_id: 'msg_1' }),
        done(0, anonymous),
        ended({ output: [hello] }),
      ],
    ],
    [
      'whose id is told at its end only',
      [added(0, { ...anonymous, content: [] }), delta('Hello'), done(0, hello), ended({ output: [hello] })],
    ],
    [
      'at places that are counted anew in the done events',
      [
        added(3, { ...hello, content: [] }),
        delta('Hello', 3, { item_id: 'msg_1' }),
        done(1, hello),
        ended({ output: [hello] }),
      ],
    ],
    ['announced twice', [added(0, hello), added(0, hello), delta('Hello'), done(0, hello), ended()]],
    ['announced behind its end', [done(0, hello), added(0, hello), ended()]],
    [
      'whose deltas come behind its end',
      [done(0, hello), delta('Hel', 0, { item_id: 'msg_1' }), delta('lo', 0, { item_id: 'msg_1' }), ended()],
    ],
    ['done twice', [delta('Hello'), done(0, hello), done(0, hello), ended()]],
    [
      'of which an event comes twice',
      [
        delta('Hel', 0, { sequence_number: 3 }),
        delta('Hel', 0, { sequence_number: 3 }),
        delta('lo', 0, { sequence_number: 4 }),
        ended(),
      ],
    ],
    ['that only its own done event has', [textDone('Hello'), ended()]],
    ['that only the done event of its part has', [partDone('Hello'), ended()]],
    ['that only its item has', [done(0, hello), ended()]],
    ['that only the list at the end has', [ended({ output: [hello] })]],
    ['that only stands beside the list', [ended({ output: [], output_text: 'Hello' })]],
    ['that begins in its part', [partAdded('Hel'), delta('lo'), textDone('Hello'), ended()]],
    ['that begins in its part and comes again', [partAdded('Hello'), delta('Hel'), delta('lo'), ended()]],
    [
      'that is announced whole',
      [added(0, hello), delta('Hello'), done(0, hello), ended({ output: [hello] })],
    ],
    ['that is not in a part', [done(0, { type: 'message', content: 'Hello' }), ended()]],
    ['in a message without a type', [ended({ output: [{ role: 'assistant', content: 'Hello' }] })]],
    ['listed under another id', [delta('Hello'), done(0, hello), ended({ output: [{ ...hello, id: 'z' }] })]],
    [
      'listed at another place, without the reasoning before it',
      [
        done(0, { type: 'reasoning', id: 'rs_1', summary: [] }),
        delta('Hello', 1),
        ended({ output: [{ ...hello, id: 'z' }] }),
      ],
    ],
    [
      'of which the list has more',
      [delta('Hel', 0, { item_id: 'msg_1' }), ended({ output: [hello] }), textDone('Hello')],
    ],
    ['of which its end has more', [delta('Hel'), delta('l'), textDone('Hello'), done(0, hello), ended()]],
    ['that a server trims', [delta('\n Hello'), textDone('Hello'), ended({ output: [hello] })]],
    [
      'whose parts are counted otherwise in its item',
      [delta('Hello', 0, { content_index: 4 }), done(0, hello), ended({ output: [hello] })],
    ],
  ])('%s', (_name, events) => {
    expect(told(events).text.trim()).toBe('Hello');
  });
});

describe('two texts are told apart', () => {
  const [one, two] = [message('One.', { id: 'm1' }), message('Two.', { id: 'm2' })];
  const bare = (item: object): object => ({ ...item, id: none });

  it.each<[string, object[]]>([
    [
      'at one place',
      [
        added(0, { ...one, content: [] }),
        added(0, { ...two, content: [] }),
        delta('One.', 0, { item_id: 'm1' }),
        delta('Two.', 0, { item_id: 'm2' }),
        textDone('One.', 0, { item_id: 'm1' }),
        textDone('Two.', 0, { item_id: 'm2' }),
        ended(),
      ],
    ],
    [
      'at one place, of which one comes as a whole',
      [delta('One.', 0, { item_id: 'm1' }), done(0, one), done(0, two), ended({ output: [one, two] })],
    ],
    ['at one place without ids', [done(0, bare(one)), delta('Tw'), delta('o.'), done(0, bare(two)), ended()]],
    [
      'with one id',
      [
        delta('One.', 0, { item_id: 'm1' }),
        delta('Two.', 1, { item_id: 'm1' }),
        done(0, one),
        done(1, { ...two, id: 'm1' }),
        ended({ output: [one, { ...two, id: 'm1' }] }),
      ],
    ],
    [
      'with one id at one place, one behind the other',
      [
        added(0, { ...one, content: [] }),
        delta('One.', 0, { item_id: 'm1' }),
        done(0, one),
        added(0, { ...one, content: [] }),
        delta('Tw', 0, { item_id: 'm1' }),
        delta('o.', 0, { item_id: 'm1' }),
        done(0, { ...two, id: 'm1' }),
        ended(),
      ],
    ],
    ['in two parts', [delta('One.'), delta('Two.', 0, { content_index: 1 }), textDone('One.'), ended()]],
    ['with neither ids nor places', [done(none, bare(one)), done(none, bare(two)), ended()]],
    ['listed in another order', [delta('One.', 0), delta('Two.', 1), ended({ output: [two, one] })]],
    [
      'listed as two, where nothing told them apart before',
      [delta('One.', none), delta('Two.', none), ended({ output: [bare(one), bare(two)] })],
    ],
  ])('%s', (_name, events) => {
    expect(told(events).text).toBe('One.Two.');
  });

  it('also if they say the same', () => {
    const [first, second] = [message('Ok.', { id: 'm1' }), message('Ok.', { id: 'm2' })];
    expect(told([done(0, first), done(1, second), ended({ output: [first, second] })]).text).toBe('Ok.Ok.');
    expect(told([done(0, first), ended({ output: [first, second] })]).text).toBe('Ok.Ok.');
    expect(told([ended({ output: [first, second] })]).text).toBe('Ok.Ok.');
  });

  it('interleaved, each with its own end', () => {
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...one, content: [] }),
      added(1, { ...two, content: [] }),
      delta('On', 0, { item_id: 'm1' }),
      delta('Tw', 1, { item_id: 'm2' }),
      done(1, two),
      done(0, one),
      ended({ output: [one, two] }),
    ]);
    expect(chunks.map((chunk) => (chunk.type === 'content' ? chunk.content : chunk.type))).toEqual([
      'On',
      'Tw',
      'o.',
      'e.',
    ]);
  });
});

describe('thinking, refusals and citations come once, too', () => {
  it('thinking that only a done event, a part, the item or the list has', () => {
    const item = { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm' }] };
    const place = { output_index: 0, item_id: 'rs_1', summary_index: 0 };
    const forms = [
      [{ type: 'response.reasoning_summary_text.done', ...place, text: 'Hm' }],
      [
        {
          type: 'response.reasoning_summary_part.done',
          ...place,
          part: { type: 'summary_text', text: 'Hm' },
        },
      ],
      [done(0, item)],
      [],
    ];
    for (const form of forms) expect(told([...form, ended({ output: [item] })]).thinking).toBe('Hm');
    expect(told([...forms.flat(), ended({ output: [{ ...item, id: 'other' }] })]).thinking).toBe('Hm');
  });

  it('reasoning whose parts vLLM gives the type of text', () => {
    const place = { output_index: 0, item_id: 'msg_9', content_index: 0 };
    const part = { type: 'output_text', text: 'Hm', annotations: [] };
    const item = {
      type: 'reasoning',
      id: 'msg_9',
      summary: [],
      content: [{ type: 'reasoning_text', text: 'Hm' }],
    };
    const { text, thinking } = told([
      added(0, { ...item, content: null }),
      { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
      { type: 'response.reasoning_text.delta', ...place, delta: 'Hm' },
      { type: 'response.content_part.done', ...place, part },
      done(0, item),
      ended({ output: [item] }),
    ]);
    expect([text, thinking]).toEqual(['', 'Hm']);
  });

  it('a refusal that only its part has', () => {
    const part = { type: 'refusal', refusal: 'No.' };
    const { chunks, reply } = decode('responses', [
      created(),
      { type: 'response.content_part.done', output_index: 0, content_index: 0, part },
      done(0, message('', { content: [part] })),
      ended(),
    ]);
    expect(chunks).toEqual([{ type: 'content', content: 'No.', refusal: true }]);
    expect(reply?.finishReason).toBe('refusal');
  });

  it.each([
    ['the event of its own', true, false],
    ['its part', false, true],
    ['both', true, true],
    ['the item', false, false],
  ])('a citation in %s', (_name, isAnnounced, isInPart) => {
    const citations = [
      { type: 'url_citation', url: 'https://a', start_index: 0, end_index: 2, title: 'A' },
      { type: 'file_citation', file_id: 'f1', filename: 'a.pdf', index: 2 },
      { type: 'container_file_citation', container_id: 'c', file_id: 'f2', start_index: 1, end_index: 2 },
    ];
    const part = { type: 'output_text', text: 'Hi', annotations: citations };
    const item = message('', { content: [part] });
    const place = { output_index: 0, item_id: 'msg_1', content_index: 0 };
    const { chunks } = decode('responses', [
      created(),
      delta('Hi'),
      ...(isAnnounced
        ? citations.map((annotation) => ({
            type: 'response.output_text.annotation.added',
            ...place,
            annotation,
          }))
        : []),
      ...(isInPart ? [{ type: 'response.content_part.done', ...place, part }] : []),
      done(0, item),
      ended({ output: [item] }),
    ]);
    const cited = chunks.flatMap((chunk) => (chunk.type === 'content' ? (chunk.citations ?? []) : []));
    expect(cited).toEqual(citations);
  });

  it('a citation that is announced without its place', () => {
    const citation = { type: 'url_citation', url: 'https://a', start_index: 0, end_index: 2 };
    const item = message('', { content: [{ type: 'output_text', text: 'Hi', annotations: [citation] }] });
    const { chunks } = decode('responses', [
      created(),
      delta('Hi'),
      {
        type: 'response.output_text.annotation.added',
        output_index: 0,
        content_index: 0,
        annotation: { type: 'url_citation', url: 'https://a' },
      },
      done(0, item),
      ended(),
    ]);
    expect(chunks).toHaveLength(2);
  });
});

describe('a call that comes in several events is delivered once', () => {
  const call = functionCall('c1', '{"x":1}');
  const opened = { ...call, arguments: '' };

  it.each<[string, object[]]>([
    ['only in its item', [done(0, call), ended()]],
    ['only in the list', [ended({ output: [call] })]],
    [
      'by its announcement and its deltas',
      [
        added(0, opened),
        argumentsDelta('{"x":', { output_index: 0 }),
        argumentsDelta('1}', { output_index: 0 }),
        ended(),
      ],
    ],
    [
      'by its announcement and its whole arguments',
      [added(0, opened), argumentsDone('{"x":1}', { output_index: 0 }), ended()],
    ],
    ['in its announcement', [added(0, call), ended()]],
    [
      'by its announcement, and its end without arguments',
      [added(0, opened), argumentsDone('{"x":1}', { output_index: 0 }), done(0, opened), ended()],
    ],
    ['done before it is announced', [done(0, call), added(0, opened), ended()]],
    ['done twice', [done(0, call), done(0, call), ended({ output: [call] })]],
    ['listed under another id', [done(0, call), ended({ output: [{ ...call, id: 'fc_other' }] })]],
    [
      'listed under other ids, as by vLLM',
      [done(0, call), ended({ output: [{ ...call, id: 'fc_2', call_id: 'c2' }] })],
    ],
    [
      'whose ids change with each event',
      [
        added(0, { ...opened, id: 'a' }),
        argumentsDelta('{"x":', { output_index: 0, item_id: 'b' }),
        argumentsDelta('1}', { output_index: 0, item_id: 'c' }),
        argumentsDone('{"x":1}', { output_index: 0, item_id: 'd' }),
        done(0, { ...call, id: 'e' }),
        ended({ output: [{ ...call, id: 'f' }] }),
      ],
    ],
    [
      'that is named by its call id alone, as with llama.cpp',
      [
        added(none, { ...opened, id: none }),
        argumentsDelta('{"x":1}', { item_id: 'c1' }),
        done(none, { ...call, id: none }),
        ended({ output: [{ ...call, id: none }] }),
      ],
    ],
    [
      'whose announcement is missing',
      [argumentsDelta('{"x":1}', { output_index: 0, item_id: 'fc_c1' }), done(0, call), ended()],
    ],
    [
      'at the place of a reasoning item',
      [done(0, { type: 'reasoning', id: 'rs_1', summary: [] }), added(0, opened), done(0, call), ended()],
    ],
    [
      'whose arguments are an object',
      [done(0, { ...call, arguments: { x: 1 } }), ended({ output: [{ ...call, arguments: { x: 1 } }] })],
    ],
    [
      'of which an event comes twice',
      [
        added(0, opened),
        argumentsDelta('{"x":', { output_index: 0, sequence_number: 2 }),
        argumentsDelta('{"x":', { output_index: 0, sequence_number: 2 }),
        argumentsDelta('1}', { output_index: 0, sequence_number: 3 }),
        ended(),
      ],
    ],
  ])('%s', (_name, events) => {
    expect(told(events).calls).toEqual(['c1 add {"x":1}']);
  });

  it('with the id that its end gives it', () => {
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...opened, call_id: 'early' }),
      argumentsDelta('{"x":1}', { output_index: 0 }),
      done(0, { ...call, id: 'fc_c1' }),
      ended(),
    ]);
    expect(callsOf(chunks)).toEqual([{ id: 'c1', name: 'add', arguments: { x: 1 } }]);
    const late = chunks.flatMap((chunk) =>
      chunk.type === 'tool_call_delta' && chunk.id === 'c1' ? [chunk] : [],
    );
    expect(late.map((chunk) => chunk.argumentsDelta).join('')).toBe('{"x":1}');
  });

  it('with the block of its announcement, completed, if its end never came', () => {
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...opened, status: 'in_progress', namespace: 'n' }),
      argumentsDone('{"x":1}', { output_index: 0 }),
      ended(),
    ]);
    expect(chunks.at(-1)).toMatchObject({
      block: blockOf({ ...call, status: 'completed', namespace: 'n' }),
    });
  });
});

describe('two calls are told apart', () => {
  const [one, two] = [functionCall('c1', '{"x":1}'), functionCall('c2', '{"x":2}')];
  const opened = (item: object): object => ({ ...item, arguments: '' });
  const both = ['c1 add {"x":1}', 'c2 add {"x":2}'];

  it.each<[string, object[]]>([
    [
      'at one place',
      [
        added(0, opened(one)),
        added(0, opened(two)),
        argumentsDelta('{"x":', { output_index: 0, item_id: 'fc_c1' }),
        argumentsDelta('{"x":', { output_index: 0, item_id: 'fc_c2' }),
        argumentsDelta('2}', { output_index: 0, item_id: 'fc_c2' }),
        argumentsDelta('1}', { output_index: 0, item_id: 'fc_c1' }),
        ended(),
      ],
    ],
    ['at one place, by their ends alone', [done(0, one), done(0, two), ended()]],
    [
      'without places, interleaved',
      [
        added(none, opened(one)),
        added(none, opened(two)),
        argumentsDelta('{"x":2}', { item_id: 'fc_c2' }),
        argumentsDelta('{"x":1}', { item_id: 'fc_c1' }),
        ended(),
      ],
    ],
    [
      'whose whole arguments tell nothing of them, as with llama.cpp',
      [
        added(none, opened(one)),
        added(none, opened(two)),
        argumentsDone('{"x":1}'),
        argumentsDone('{"x":2}'),
        ended(),
      ],
    ],
    [
      'with one item id',
      [
        done(0, { ...one, id: 'fc_0' }),
        done(1, { ...two, id: 'fc_0' }),
        ended({
          output: [
            { ...one, id: 'fc_0' },
            { ...two, id: 'fc_0' },
          ],
        }),
      ],
    ],
    ['of which only the list has one', [done(0, one), ended({ output: [one, two] })]],
    ['listed in another order', [done(0, one), done(1, two), ended({ output: [two, one] })]],
    ['of which one is announced and one listed', [added(0, one), ended({ output: [two] })]],
  ])('%s', (_name, events) => {
    expect(told(events).calls.toSorted()).toEqual(both);
  });

  it('also if they ask the same', () => {
    const again = functionCall('c2', '{"x":1}');
    const twice = ['c1 add {"x":1}', 'c2 add {"x":1}'];
    expect(told([done(0, one), done(1, again), ended({ output: [one, again] })]).calls).toEqual(twice);
    expect(told([done(0, one), ended({ output: [one, again] })]).calls).toEqual(twice);
  });

  it('also if a proxy gives them one call id', () => {
    const again = { ...two, call_id: 'c1' };
    const { chunks } = decode('responses', [
      created(),
      done(0, one),
      done(1, again),
      ended({ output: [one, again] }),
    ]);
    expect(callsOf(chunks)).toEqual([
      { id: 'c1', name: 'add', arguments: { x: 1 } },
      { id: 'c1_2', name: 'add', arguments: { x: 2 } },
    ]);
    expect(chunks.at(-1)).toMatchObject({ block: blockOf({ ...again, call_id: 'c1_2' }) });
  });
});

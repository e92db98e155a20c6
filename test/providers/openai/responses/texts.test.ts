import { describe, expect, it } from 'vitest';

import { added, created, delta, done, ended, message, textDone } from './events.ts';
import { decode, joined } from '../support.ts';

/** The text and the thinking of a stream. */
function told(events: readonly object[]): { text: string; thinking: string } {
  const { chunks, error } = decode('responses', [created(), ...events]);
  expect(error).toBeUndefined();
  return { text: joined(chunks, 'content'), thinking: joined(chunks, 'thinking') };
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
      'whose id is only in its last event',
      [added(0, { ...anonymous, content: [] }), delta('Hello'), done(0, hello), ended({ output: [hello] })],
    ],
    [
      'at indices that start again in the done events',
      [
        added(3, { ...hello, content: [] }),
        delta('Hello', 3, { item_id: 'msg_1' }),
        done(1, hello),
        ended({ output: [hello] }),
      ],
    ],
    ['announced twice', [added(0, hello), added(0, hello), delta('Hello'), done(0, hello), ended()]],
    ['announced after its end', [done(0, hello), added(0, hello), ended()]],
    [
      'whose deltas come after its end',
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
      'that is announced complete',
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
      'at one index, of which one comes complete',
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
      'with one id at one index, one after the other',
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
      'listed as two that nothing told apart before',
      [delta('One.', none), delta('Two.', none), ended({ output: [bare(one), bare(two)] })],
    ],
  ])('%s', (_name, events) => {
    expect(told(events).text).toBe('One.Two.');
  });

  it('also if they have the same content', () => {
    const [first, second] = [message('Ok.', { id: 'm1' }), message('Ok.', { id: 'm2' })];
    expect(told([done(0, first), done(1, second), ended({ output: [first, second] })]).text).toBe('Ok.Ok.');
    expect(told([done(0, first), ended({ output: [first, second] })]).text).toBe('Ok.Ok.');
    expect(told([ended({ output: [first, second] })]).text).toBe('Ok.Ok.');
  });

  it('also if they are interleaved, each with its own end', () => {
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
  it('thinking that is only in a done event, a part, the item or the list', () => {
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

  it('reasoning whose parts have the type of text (vLLM)', () => {
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

  it('a refusal that is only in its part', () => {
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

  it('a citation that is announced without its index', () => {
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

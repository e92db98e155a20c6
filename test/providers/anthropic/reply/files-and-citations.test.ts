import { describe, expect, it } from 'vitest';

import { block, ending, opening, start, TEXT, text } from './events.ts';
import { decode, told } from '../support.ts';

const CITATION = { type: 'char_location', cited_text: 'x', document_index: 0 };
const OTHER = { ...CITATION, document_index: 1 };

/** The citations of a reply with one block of text. */
function citationsOf(first: object, ...deltas: object[]): unknown[][] {
  const { chunks } = decode([opening(), ...block(0, first, ...deltas), ...ending()]);
  return chunks.flatMap((chunk) => (chunk.type === 'content' && chunk.citations ? [chunk.citations] : []));
}

describe('files that the model made', () => {
  it.each([
    [{ type: 'base64', media_type: 'image/png', data: 'iVBO' }, 'file: image/png iVBO'],
    [{ type: 'base64', data: 'iVBO' }, 'file: image/* iVBO'],
    [{ type: 'url', url: 'https://a/b.png' }, 'file: image/* https://a/b.png'],
    [{ type: 'url', url: 'https://a/b', media_type: 'image/webp' }, 'file: image/webp https://a/b'],
    [{ type: 'url', url: 'data:image/gif;base64,R0lG' }, 'file: image/gif R0lG'],
  ])('become file chunks: %j', (source, line) => {
    const image = { type: 'image', source };
    const { chunks, reply } = decode([
      opening(),
      ...block(0, TEXT, text('Look:')),
      ...block(1, image),
      ...ending(),
    ]);
    expect(told(chunks)).toEqual(['text: Look:', line]);
    expect(reply.finishReason).toBe('stop');
    expect(told(decode([opening(), start(0, image), ...ending()]).chunks)).toEqual([line]);
  });

  it('may be documents and audio, too', () => {
    const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBE' };
    const { chunks } = decode([opening(), ...block(0, { type: 'document', source }), ...ending()]);
    expect(chunks).toEqual([{ type: 'file', mediaType: 'application/pdf', data: 'JVBE', call: 0 }]);
  });

  it.each([
    { type: 'image', source: { type: 'file', file_id: 'file_1' } },
    { type: 'container_upload', file_id: 'file_1' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '' } },
    { type: 'image', source: null },
  ])('that are only named stay blocks: %j', (image) => {
    expect(told(decode([opening(), ...block(0, image), ...ending()]).chunks)).toEqual([
      `block: ${JSON.stringify(image)}`,
    ]);
  });

  it('that are named in the result of a tool stay in the result', () => {
    const content = {
      type: 'bash_code_execution_result',
      content: [{ type: 'bash_code_execution_output', file_id: 'f' }],
    };
    const answered = { type: 'bash_code_execution_tool_result', tool_use_id: 'srv', content };
    const { chunks } = decode([opening(), ...block(0, answered), ...ending()]);
    expect(told(chunks)).toEqual([`result: srv bash_code_execution ${JSON.stringify(content)}`]);
  });
});

describe('citations', () => {
  it.each([
    ['in the start', [[CITATION]], { ...TEXT, citations: [CITATION] }, []],
    [
      'as a delta',
      [[CITATION]],
      { ...TEXT, citations: [] },
      [{ type: 'citations_delta', citation: CITATION }],
    ],
    ['as a list', [[CITATION, OTHER]], TEXT, [{ type: 'citations_delta', citations: [CITATION, OTHER] }]],
    [
      'in the start and once more as deltas',
      [[CITATION], [OTHER]],
      { ...TEXT, citations: [CITATION] },
      [
        { type: 'citations_delta', citation: { ...CITATION } },
        { type: 'citations_delta', citation: OTHER },
      ],
    ],
    ['as null', [], { ...TEXT, citations: null }, [{ type: 'citations_delta', citation: null }]],
  ])('are delivered once if they come %s', (_name, expected, first, deltas) => {
    expect(citationsOf(first, text('So'), ...deltas)).toEqual(expected);
  });
});

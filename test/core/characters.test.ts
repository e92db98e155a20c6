import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStore, Pipeline, Stream } from 'sluice';
import type { ExecutionChunk, Middleware, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import { Model, text, texts } from './harness.ts';

const FACE = '😀';
const [HIGH = '', LOW = ''] = FACE.split('');

/** A pipeline over a model that gives these chunks, one read each. */
function saying(...chunks: StreamChunk[]): Pipeline {
  return new Pipeline([provider(scripted({ chunks }))]);
}

async function delivered(pipeline: Pipeline): Promise<ExecutionChunk[]> {
  const chunks: ExecutionChunk[] = [];
  for await (const chunk of pipeline.executeStream('user', 'Hi'))
    if (chunk.type !== 'done') chunks.push(chunk);
  return chunks;
}

const delta = (id: string, argumentsDelta: string): StreamChunk => ({
  type: 'tool_call_delta',
  id,
  argumentsDelta,
});
const thought = (content: string): StreamChunk => ({ type: 'thinking', content });

describe('characters that a model or a middleware splits', () => {
  it('R47 delivers a character whole whose halves come in two chunks of text', async () => {
    const chunks = await delivered(saying(...texts(`a${HIGH}`, `${LOW}b`)));
    expect(chunks).toEqual([
      { type: 'content', content: 'a', call: 1, index: 0 },
      { type: 'content', content: `${FACE}b`, call: 1, index: 1 },
    ]);
  });

  it('R47 delivers no chunk for half a character alone', async () => {
    const chunks = await delivered(saying(...texts(HIGH, LOW)));
    expect(chunks).toEqual([{ type: 'content', content: FACE, call: 1, index: 0 }]);
  });

  it('R47 delivers thinking and the text after it with whole characters', async () => {
    const chunks = await delivered(saying(thought(`a${HIGH}`), thought(LOW), text(HIGH), text(`${LOW}.`)));
    expect(
      chunks.map((chunk) => ('content' in chunk ? `${chunk.type} ${chunk.content}` : chunk.type)),
    ).toEqual(['thinking a', `thinking ${FACE}`, `content ${FACE}.`]);
  });

  it('R47 joins the halves in the arguments of two calls that are written side by side', async () => {
    const chunks = await delivered(
      saying(
        delta('a', `{"x":"${HIGH}`),
        delta('b', `{"y":"${HIGH}`),
        delta('a', `${LOW}"}`),
        delta('b', `${LOW}"}`),
        { type: 'tool_call', id: 'a', name: 'x', arguments: { x: FACE } },
        { type: 'tool_call', id: 'b', name: 'y', arguments: { y: FACE } },
      ),
    );
    const written = (id: string): string =>
      chunks
        .filter((chunk) => chunk.type === 'tool_call_delta' && chunk.id === id)
        .map((chunk) => {
          const piece = chunk.type === 'tool_call_delta' ? chunk.argumentsDelta : '';
          expect(piece.isWellFormed()).toBe(true);
          return piece;
        })
        .join('');
    expect([written('a'), written('b')]).toEqual([`{"x":"${FACE}"}`, `{"y":"${FACE}"}`]);
  });

  it('R47 replaces half a character in the arguments of a finished call, keys too', async () => {
    const chunks = await delivered(
      saying({ type: 'tool_call', id: 'a', name: 'x', arguments: { [`k${LOW}`]: [{ deep: `v${HIGH}` }] } }),
    );
    expect(chunks[0]).toMatchObject({ arguments: { 'k\ufffd': [{ deep: 'v\ufffd' }] } });
  });

  it('R47 ends a text that was cut within a character with U+FFFD', async () => {
    const { response, messages } = await saying(...texts('a', HIGH)).execute('user', 'Hi');
    expect(response.content).toBe('a\ufffd');
    expect(messages.at(-1)).toEqual({ role: 'assistant', content: 'a\ufffd' });
  });

  it('R47 lets half a character go before a chunk of another kind', async () => {
    const call = { type: 'tool_call', id: 'c', name: 'n', arguments: {} } as const;
    const chunks = await delivered(saying(text(`a${HIGH}`), call));
    expect(chunks.map((chunk) => ('content' in chunk ? chunk.content : chunk.type))).toEqual([
      'a',
      '\ufffd',
      'tool_call',
    ]);
  });

  it('R47 does not wait for the other half of a character that a reset voids', async () => {
    const twice: Middleware = async function* twice(_context, next) {
      yield* next();
      yield { type: 'reset', from: 1, reason: 'once more' };
      return yield* next();
    };
    const model = scripted([{ chunks: texts(`a${HIGH}`) }, { chunks: texts(`${LOW}b`) }]);
    const { response } = await new Pipeline([twice, provider(model)]).execute('user', 'Hi');
    expect(response.content).toBe('\ufffdb');
  });

  it('R47 delivers whole characters also if a middleware cuts the text anywhere', async () => {
    const letters: Middleware = async function* letters(_context, next) {
      for await (const chunk of next()) {
        if (chunk.type !== 'content') yield chunk;
        else for (const unit of chunk.content.split('')) yield { ...chunk, content: unit };
      }
    };
    const pipeline = new Pipeline([letters, provider(scripted(`x${FACE}y`))]);
    expect((await delivered(pipeline)).map((chunk) => ('content' in chunk ? chunk.content : ''))).toEqual([
      'x',
      FACE,
      'y',
    ]);
  });

  it('R47 stores a reply that was cancelled within a character as well-formed text', async () => {
    const store = new MemoryStore();
    const model = new Model();
    const pipeline = new Pipeline([model.middleware], { store });
    const stream = pipeline.executeStreamWithContext('s', 'user', 'Hi');
    model.give(texts(`a${HIGH}`));
    await stream.next();
    await stream.close();
    expect((await store.load('s'))?.messages.at(-1)).toEqual({
      role: 'assistant',
      content: 'a',
      partial: true,
    });
  });

  it("R47 replaces half a character in the caller's own text, sent and stored", async () => {
    const store = new MemoryStore();
    const model = scripted('Fine.');
    const pipeline = new Pipeline([provider(model)], { store });
    const { messages } = await pipeline.executeWithContext('s', 'user', [
      { type: 'text', text: `Hi ${HIGH}` },
    ]);
    const expected = { role: 'user', content: [{ type: 'text', text: 'Hi \ufffd' }] };
    expect(model.requests[0]?.messages).toEqual([expected]);
    expect((await store.load('s'))?.messages[0]).toEqual(expected);
    expect(messages[0]).toEqual(expected);
  });

  it('R47 gives pieces of text and lines with whole characters, whatever the stream is made of', async () => {
    const pieces = texts(`a${HIGH}`, `${LOW}\nb${HIGH}`);
    const read = async (stream: AsyncIterable<string>): Promise<string[]> => {
      const all: string[] = [];
      for await (const piece of stream) all.push(piece);
      return all;
    };
    expect(await read(Stream.from(pieces).textStream())).toEqual(['a', `${FACE}\nb`, '\ufffd']);
    expect(await read(Stream.from(pieces).lines())).toEqual([`a${FACE}`, 'b\ufffd']);
  });

  it('R47 gives the same text however it is split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(8), { minLength: 1, maxLength: 8 }),
        async (whole, sizes) => {
          const chunks: StreamChunk[] = [];
          for (let at = 0, turn = 0; at < whole.length; turn++) {
            const size = (sizes[turn % sizes.length] ?? 0) + 1;
            chunks.push(text(whole.slice(at, at + size)));
            at += size;
          }
          const got = (await delivered(saying(...chunks))).map((chunk) =>
            'content' in chunk ? chunk.content : '',
          );
          expect(got.join('')).toBe(whole.toWellFormed());
          expect(got.every((piece) => piece.isWellFormed())).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});

import { describe, expect, expectTypeOf, test } from 'vitest';
import { Pipeline, Stream, contextKey } from 'sluice';
import type { ContentChunk, ExecutionChunk, ExecutionResult, Middleware, Reply, StreamChunk } from 'sluice';

describe('types in a plugin', () => {
  test('chunk and reply types are inferred in a generator without annotations', async () => {
    const seen: string[] = [];
    const shout: Middleware = async function* shout(context, next) {
      const stream = next({ parameters: { ...context.request.parameters, temperature: 0 } });
      expectTypeOf(stream).toEqualTypeOf<Stream<StreamChunk, Reply>>();
      for await (const chunk of stream) {
        expectTypeOf(chunk).toEqualTypeOf<StreamChunk>();
        if (chunk.type === 'content') yield { ...chunk, content: chunk.content.toUpperCase() };
        else yield chunk;
      }
    };
    const last: Middleware = async function* last(_context, next) {
      const reply = yield* next();
      expectTypeOf(reply).toEqualTypeOf<Reply>();
      seen.push(reply.finishReason);
      return reply;
    };
    const model: Middleware = () =>
      Stream.from([{ type: 'content', content: 'hello' }], { finishReason: 'stop' });
    const { response } = await new Pipeline([shout, last, model]).execute('user', 'hi');
    expect([response.content, seen]).toEqual(['HELLO', ['stop']]);
  });

  test('a stream of a narrow chunk type is a stream of a wide one', () => {
    expectTypeOf<Stream<ContentChunk, { finishReason: 'stop' }>>().toExtend<Stream<StreamChunk, Reply>>();
    expectTypeOf<Stream<StreamChunk, Reply>>().not.toExtend<Stream<ContentChunk, Reply>>();
  });

  test('the consumer reads execution chunks and a result', async () => {
    const stream = new Pipeline([() => Stream.from([], { finishReason: 'stop' })]).executeStream(
      'user',
      'hi',
    );
    expectTypeOf(stream).toExtend<Stream<ExecutionChunk, ExecutionResult>>();
    expectTypeOf(stream.result).resolves.toEqualTypeOf<ExecutionResult>();
    expectTypeOf(stream.tee(3)).toEqualTypeOf<
      [
        Stream<ExecutionChunk, ExecutionResult>,
        Stream<ExecutionChunk, ExecutionResult>,
        Stream<ExecutionChunk, ExecutionResult>,
      ]
    >();
    expectTypeOf(stream.textStream()).toEqualTypeOf<Stream<string, ExecutionResult>>();
    await stream.close();
  });

  test('a context key carries the type of its value', () => {
    const Tenant = contextKey<string>('tenant');
    const reads: Middleware = (context, next) => {
      expectTypeOf(context.get(Tenant)).toEqualTypeOf<string | undefined>();
      // @ts-expect-error a number is not a tenant
      context.set(Tenant, 1);
      return next();
    };
    expect(reads.name).toBe('reads');
  });
});

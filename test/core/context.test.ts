import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { ExecutionContext, Middleware } from 'sluice';
import { says } from './harness.ts';

test('the context has these members and no others', async () => {
  let seen: object | undefined;
  const looks: Middleware = function looks(context, next) {
    seen = context;
    return next();
  };
  await new Pipeline([looks, says('a')]).execute('user', 'hi');
  const members: (keyof ExecutionContext)[] = [
    'id',
    'request',
    'session',
    'steps',
    'signal',
    'deadline',
    'log',
    'trace',
  ];
  members.push('get', 'set', 'once', 'onEnd', 'interrupt', 'run', 'warn');
  const prototype: unknown = Object.getPrototypeOf(seen);
  expect(Object.getOwnPropertyNames(prototype).toSorted()).toEqual(['constructor', ...members].toSorted());
});

test("the caller's metadata is part of the request; a layer can give another to the layers below it", async () => {
  const seen: unknown[] = [];
  const changes: Middleware = (context, next) => {
    seen.push(context.request.metadata);
    return next({ metadata: { tenant: 'b' } });
  };
  const looks: Middleware = (context, next) => {
    seen.push(context.request.metadata);
    return next();
  };
  const pipeline = new Pipeline([changes, looks, says('a')]);
  const { metadata } = await pipeline.execute('user', 'hi', { metadata: { tenant: 'a' } });
  await pipeline.execute('user', 'hi');
  expect([seen, metadata]).toEqual([
    [{ tenant: 'a' }, { tenant: 'b' }, undefined, { tenant: 'b' }],
    { tenant: 'a' },
  ]);
});

import { expect, test } from 'vitest';
import { RequestCaller, RequestContext } from 'sluice/server';
import { ToolLimits } from 'sluice/middleware/tools';
import { keptCaller, keptValues, valuesOf } from '../../../server/http/kept-values.ts';

const limits = {
  ...{ requestsPerMinute: 1, concurrentStreams: 2, tokensPerMinute: 3, usdPerDay: 4 },
  unknownCost: 'allow' as const,
};
const caller = { id: 'ada', organizations: ['acme'], limits };
const context = { theme: 'dark' };
const stored = (values: Parameters<typeof keptValues>[0]): unknown =>
  JSON.parse(JSON.stringify(keptValues(values)));

test.each(['wait', 'deny'] as const)(
  'the process that takes a turn over knows all that its server was told (approvals: %s)',
  (approvals) => {
    const toolLimits = { maxRounds: 5, ownTools: false, approvals };
    const values = [RequestCaller.with(caller), RequestContext.with(context), ToolLimits.with(toolLimits)];
    const kept = stored(values);
    expect(new Map(valuesOf(kept).map(([key, value]) => [key, value]))).toEqual(
      new Map<unknown, unknown>([
        [RequestCaller, caller],
        [RequestContext, context],
        [ToolLimits, toolLimits],
      ]),
    );
    expect(keptCaller(kept)).toEqual(caller);
  },
);

test('nothing is made of nothing, and what cannot be read is refused', () => {
  expect([valuesOf(stored([])), keptCaller(undefined)]).toEqual([[], undefined]);
  expect(() => valuesOf({ caller: { id: 7 } })).toThrow('caller');
  expect(keptCaller({ caller: { id: 7 } })).toBeUndefined();
});

import { expect, test } from 'vitest';
import { droppedOf } from '../../../server/log/postgres/rows.ts';
import { snapshotOfText } from '../../../server/log/snapshot-text.ts';

test('any number of entries may be dropped at once', () => {
  const none = { upto: null, epoch: null, at: null, chunks: null };
  const entry = { epoch: '1', at: '5', chunks: '["a"]', stream: null };
  const rows = Array.from({ length: 150_000 }, (_, at) => ({ ...entry, upto: String(at + 1) }));
  const dropped = droppedOf([{ ...none, stream: '[0,null]' }, ...rows]);
  expect([dropped?.first, dropped?.upTo]).toEqual([0, 150_000]);
  const [run, ...others] = snapshotOfText(dropped?.snapshot ?? '');
  expect([run?.chunk.index, run?.pieces?.length, others]).toEqual([0, 150_000, []]);
});

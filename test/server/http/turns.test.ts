import { expect, test, vi } from 'vitest';
import { Pipeline, silent } from 'sluice';
import { resumable } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { CallerCounts } from '../../../server/callers/caller-limits.ts';
import { memoryCounter } from '../../../server/callers/memory-counter.ts';
import { Metrics } from '../../../server/http/metrics.ts';
import { PipelineTable } from '../../../server/http/pipelines.ts';
import { Settlements } from '../../../server/http/settlements.ts';
import { Turns } from '../../../server/http/turns.ts';

test('what turns have used is counted at the end, also if those apart from their connections do not end as they should', async () => {
  const pipeline = new Pipeline([provider(scripted('Hi'))]);
  const runs = resumable(pipeline, { log: memoryLog() });
  const broken = new Error('It is broken.');
  vi.spyOn(runs, 'close').mockRejectedValue(broken);
  const counts = new CallerCounts({}, memoryCounter(), silent);
  const settled = vi.spyOn(counts, 'settled');
  const metrics = new Metrics();
  const table = new PipelineTable(pipeline, 'agent');
  const settlements = new Settlements({ table, counts, metrics, log: silent, logsContent: false });
  const turns = new Turns({ counts, metrics, settlements, runs, isResumable: true, showsTrace: false });
  await expect(turns.drained(0)).rejects.toBe(broken);
  expect(settled).toHaveBeenCalledOnce();
});

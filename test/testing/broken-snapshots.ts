import type { SnapshotRun } from '../../server/chunk-log.ts';
import { reading } from './broken-logs.ts';
import type { Patch } from './broken-logs.ts';

/** Changes the parts of snapshots. */
const snapshots = (change: (run: SnapshotRun) => SnapshotRun): Patch =>
  reading(({ snapshot, ...page }) => ({
    ...page,
    ...(snapshot !== undefined && { snapshot: snapshot.map(change) }),
  }));

/** For each case about snapshots a log that breaks it. */
export const brokenSnapshots: Readonly<Record<string, Patch>> = {
  'keeps a snapshot of what it drops, with the text and the place of each piece': snapshots((run) => ({
    chunk: run.chunk,
    at: run.at,
  })),
  'drops any number of chunks, and keeps a snapshot of all of them': snapshots(({ pieces, ...run }) => ({
    ...run,
    ...(pieces !== undefined && { pieces: pieces.slice(0, 10_000) }),
  })),
  'gives the snapshot to every read that begins before what is kept, and to no other': reading(
    ({ snapshot, ...page }, { after }) =>
      snapshot === undefined || after > 0 ? page : { ...page, snapshot },
  ),
  'a snapshot has no text of what was taken back': snapshots((run) =>
    run.chunk.type === 'content' && run.chunk.call === 1
      ? { ...run, chunk: { ...run.chunk, content: 'It was said before.' } }
      : run,
  ),
  'drops a snapshot that is too large itself, and never has one of a part': reading((page) => ({
    ...page,
    ...(page.first > 0 && page.snapshot === undefined && { snapshot: [] }),
  })),
  'goes on with the snapshot after a takeover, and the old owner drops nothing': reading(
    ({ snapshot, ...page }) => ({
      ...page,
      ...(snapshot !== undefined && page.takeovers === 0 && { snapshot }),
    }),
  ),
};

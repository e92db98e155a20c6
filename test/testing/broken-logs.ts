import { SluiceError } from 'sluice';
import type {
  Appended,
  ChunkLog,
  LoggedStart,
  Opened,
  OpenOptions,
  Page,
  ReadOptions,
  StreamKey,
  StreamLease,
  UnownedOptions,
} from '../../server/chunk-log.ts';
import type { SentChunk, SentEnd } from '../../server/index.ts';

/** Breaks a log. */
export type Patch = (log: ChunkLog) => void;

/** What an append is given. */
interface Append {
  held: StreamLease;
  from: number;
  chunks: readonly SentChunk[];
  end: SentEnd | undefined;
}

const lost = (): SluiceError => new SluiceError('lease_lost', 'The stream is lost.');
const done: SentEnd = { outcome: 'completed' };

/** Changes what an append is given. */
function appending(change: (append: Append, page: Page | undefined) => Append | Promise<Append>): Patch {
  return (log) => {
    const [append, read] = [log.append.bind(log), log.read.bind(log)];
    log.append = async (held, from, chunks, end) => {
      const changed = await change({ held, from, chunks, end }, await read(held.key, { after: 0 }));
      return append(changed.held, changed.from, changed.chunks, changed.end);
    };
  };
}

/** Changes what an append answers. */
function appended(change: (answer: Appended) => Appended): Patch {
  return (log) => {
    const append = log.append.bind(log);
    log.append = async (...given) => change(await append(...given));
  };
}

/** Changes the chunks of appends. */
const storing = (change: (chunk: SentChunk) => SentChunk): Patch =>
  appending((append) => ({ ...append, chunks: append.chunks.map(change) }));

/** Changes what opening is given. */
function opening(change: (start: LoggedStart, options: OpenOptions) => [LoggedStart, OpenOptions]): Patch {
  return (log) => {
    const open = log.open.bind(log);
    log.open = async (key, start, options) => open(key, ...change(start, options));
  };
}

/** Changes what opening answers. */
function opened(change: (answer: Opened, options: OpenOptions) => Opened): Patch {
  return (log) => {
    const open = log.open.bind(log);
    log.open = async (key, start, options) => change(await open(key, start, options), options);
  };
}

/** Changes what a read is given. */
function asking(change: (options: ReadOptions) => ReadOptions): Patch {
  return (log) => {
    const read = log.read.bind(log);
    log.read = async (key, options) => read(key, change(options));
  };
}

/** Changes what a read answers. */
export function reading(change: (page: Page, options: ReadOptions) => Page): Patch {
  return (log) => {
    const read = log.read.bind(log);
    log.read = async (key, options) => {
      const page = await read(key, options);
      return page === undefined ? undefined : change(page, options);
    };
  };
}

/** Changes the keys of streams. */
function keyed(change: (key: StreamKey) => StreamKey): Patch {
  return (log) => {
    const [open, append, read, stop] = [
      log.open.bind(log),
      log.append.bind(log),
      log.read.bind(log),
      log.stop.bind(log),
    ];
    log.open = async (key, start, options) => open(change(key), start, options);
    log.append = async (held, ...rest) => append({ ...held, key: change(held.key) }, ...rest);
    log.read = async (key, options) => read(change(key), options);
    log.stop = async (key, reason) => stop(change(key), reason);
  };
}

/** Never wakes those who wait for this. */
const deaf =
  (what: 'chunks' | 'stop'): Patch =>
  (log) => {
    const watch = log.watch.bind(log);
    log.watch = (key, on, wake) => (on === what ? () => undefined : watch(key, on, wake));
  };

/** Takes any token for the newest one. */
const anyToken = appending((append, page) => ({
  ...append,
  held: { ...append.held, token: page?.token ?? 0 },
}));

const leaseOf = (leaseMs: number): Patch =>
  appending((append) => ({ ...append, held: { ...append.held, leaseMs } }));

const settles: Patch = (log) => {
  log.settle = async () => true;
};

const ownerOnly =
  (change: (answer: Extract<Opened, { as: 'owner' }>) => Opened): ((answer: Opened) => Opened) =>
  (answer) =>
    answer.as === 'owner' ? change(answer) : answer;

/** Its owner keeps the stream that it gives up. */
const keeping: Patch = (log) => {
  log.release = async () => undefined;
};

/** Whoever has lost a stream may give it up, too. */
const releasing: Patch = (log) => {
  const release = log.release.bind(log);
  log.release = async (held) => release(held).catch(() => undefined);
};

/** Changes what streams without an owner are asked for, and what is listed. */
function listing(
  ask: (options: UnownedOptions) => UnownedOptions,
  change: (keys: StreamKey[]) => StreamKey[] = (keys) => keys,
): Patch {
  return (log) => {
    const unowned = log.unowned.bind(log);
    log.unowned = async (options) => change([...(await unowned(ask(options)))]);
  };
}

/** For each case of the contract a log that breaks it. */
export const brokenLogs: Readonly<Record<string, Patch>> = {
  'knows nothing of a stream that was never opened': settles,
  'the first who opens a stream owns it, and all others read it': opened((answer) =>
    answer.as === 'reader' ? { as: 'ended', end: done } : answer,
  ),
  'gives a stream to exactly one of many who open it at once': (log) => {
    const open = log.open.bind(log);
    let first: Promise<Opened> | undefined;
    log.open = async (...given) => (first ??= open(...given));
  },
  'gives back the start as it was, and the time of the first open': reading(({ start, ...page }) => ({
    ...page,
    start: { turnId: start.turnId },
  })),
  'rejects another fingerprint under the same id, while the stream runs and afterwards': opening(
    ({ fingerprint: _fingerprint, ...start }, options) => [start, options],
  ),
  'gives the end of a stream that has ended, and does not open it': opened((answer) =>
    answer.as === 'ended' ? { as: 'reader' } : answer,
  ),
  'opens an ended stream again for a further run, which goes on after the last chunk': opened(
    ownerOnly((answer) => ({ ...answer, next: 0 })),
  ),
  'does not open a stream again that runs': opened((answer, { again }) =>
    again === true && answer.as === 'reader' ? { as: 'ended', end: done } : answer,
  ),

  'keeps chunks in the order of the appends, and counts them': appended((answer) => ({
    ...answer,
    next: answer.next + 1,
  })),
  'says when an append was kept, which is the time of its entry': appended((answer) => ({
    ...answer,
    at: answer.at + 1,
  })),
  'keeps chunks once that are given again': appending((append, page) => ({
    ...append,
    from: page?.next ?? 0,
  })),
  'keeps the rest of an append whose first chunks it has': appending((append, page) => {
    const isKnown = append.from < (page?.next ?? 0);
    return isKnown ? { ...append, chunks: [] } : append;
  }),
  'keeps nothing if chunks before it are missing, and says from where to give them again': appending(
    (append, page) => ({ ...append, from: Math.min(append.from, page?.next ?? 0) }),
  ),
  'an append that is kept nowhere renews the lease, and so does one that was kept before': leaseOf(1_000),
  'rejects an append to a stream that is not there': (log) => {
    const append = log.append.bind(log);
    log.append = (held, from, ...rest) =>
      append(held, from, ...rest).catch(() => ({ next: from, at: 0, unreadMs: 0 }));
  },
  'keeps the appends of many streams apart': keyed(({ owner }) => ({ owner, id: 'one' })),

  'gives back every kind of chunk as it was, appended together and each by itself': storing((chunk) =>
    chunk.type === 'content'
      ? { type: 'content', content: chunk.content, call: chunk.call, index: chunk.index }
      : chunk,
  ),
  'gives back every kind of end as it was': appending(({ end, ...append }) => ({
    ...append,
    end: end && { outcome: end.outcome },
  })),
  'keeps large chunks and large appends': storing((chunk) =>
    chunk.type === 'content' ? { ...chunk, content: chunk.content.slice(0, 65_536) } : chunk,
  ),
  'keeps streams apart whose owner and id look alike, whatever characters they have': keyed(
    ({ owner, id }) => ({ owner, id: id.toLowerCase() }),
  ),
  'rejects keys that are not well-formed text': keyed(({ owner, id }) => ({
    owner: owner.toWellFormed(),
    id: id === '' ? 'none' : id.toWellFormed(),
  })),

  'gives what follows any number of chunks, on every process': asking((options) => ({
    ...options,
    after: options.after + 1,
  })),
  'gives nothing, and no error, to a reader that is ahead of the log': reading((page, { after }) => {
    if (after > page.next) throw new SluiceError('store', 'The cursor is ahead of the log.');
    return page;
  }),
  'ends a page with the entry that has the last chunk that was asked for': asking(({ after }) => ({ after })),
  'gives a long stream in pages, each chunk once': asking(({ most = 1_000, ...options }) => ({
    ...options,
    most,
  })),
  'lists the resets that void chunks, also those that the page does not hold': reading((page) => ({
    ...page,
    resets: page.entries.flatMap(({ chunks }) => chunks.filter((chunk) => chunk.type === 'reset')),
  })),
  'lists a reset once whose append was given again, and one of a further owner': reading((page) => ({
    ...page,
    resets: page.resets.flatMap((reset) => [reset, reset]),
  })),
  'says how long nobody has been reading, from the open on': appended((answer) => ({
    ...answer,
    unreadMs: 0,
  })),
  'a reader that has left is absent when its time is over': appended((answer) => ({
    ...answer,
    unreadMs: 0,
  })),

  'keeps the end together with the last chunks': reading(({ endedAt: _endedAt, ...page }) => page),
  'never shows an end to a reader who does not have all chunks before it': reading((page) => ({
    ...page,
    entries: page.end === undefined ? page.entries : page.entries.slice(0, -1),
  })),
  'accepts the same end twice, and rejects chunks after it': appending((append, page) => {
    if (page?.end !== undefined) throw lost();
    return append;
  }),
  'gives the end to every cursor': reading(({ end, ...page }, { after }) =>
    end === undefined || after > page.next ? page : { ...page, end },
  ),
  'an end of the owner cannot be replaced': settles,

  'each append renews the lease': leaseOf(1),
  'a lease that is over is good until somebody takes the stream': appending((append, page) => {
    if ((page?.leaseLeftMs ?? 0) <= 0) throw lost();
    return append;
  }),
  'a stream without an owner is taken over, goes on after the last chunk, and the old owner is refused':
    anyToken,
  'counts the takeovers': opened(ownerOnly((answer) => ({ ...answer, takeovers: 1 }))),
  'gives a stream without an owner to exactly one of many who take it over or settle it at once': settles,
  'a lease has to be over for the whole grace before the stream is taken over or settled': opening(
    (start, options) => [start, { ...options, graceMs: 0 }],
  ),
  'settle ends a stream without an owner once, and the old owner is refused': anyToken,

  "each append's answer says that there is a stop, and the first reason wins": appended(
    ({ stop: _stop, ...answer }) => answer,
  ),
  'a stop of a stream that has ended answers so, and changes nothing': (log) => {
    log.stop = async () => 'pending';
  },
  'whoever takes over a stream gets its stop': opened(ownerOnly(({ stop: _stop, ...answer }) => answer)),
  'a stop that comes before the open waits for it, under its own key only': (log) => {
    const stop = log.stop.bind(log);
    log.stop = async (key, reason) =>
      (await log.read(key, { after: 0 })) === undefined ? 'unknown' : stop(key, reason);
  },

  'wakes the readers of a stream on every process when chunks or its end come': deaf('chunks'),
  'wakes the readers when a stream is settled, and when it is opened again': deaf('chunks'),
  'wakes the readers when the owner gives the stream up': deaf('chunks'),
  'wakes the owner when a stop comes, from every process': deaf('stop'),
  'an append wakes nobody who waits for a stop, and a stop nobody who waits for chunks': (log) => {
    const watch = log.watch.bind(log);
    log.watch = (key, _what, wake) => {
      const ends = (['chunks', 'stop'] as const).map((what) => watch(key, what, wake));
      return () => {
        for (const end of ends) end();
      };
    };
  },
  'wakes nobody who has stopped waiting, and nobody for another stream': (log) => {
    const watch = log.watch.bind(log);
    log.watch = (...given) => {
      watch(...given);
      return () => undefined;
    };
  },
  'keeps no timer running and leaves no unhandled rejection after it is closed, also with a waiter': (
    log,
  ) => {
    const watch = log.watch.bind(log);
    log.watch = (...given) => {
      setTimeout(() => undefined, 3_000);
      return watch(...given);
    };
  },

  'lists the running streams of a session, the one that was opened first at the front': (log) => {
    const running = log.running.bind(log);
    log.running = async (session) => (await running(session)).reverse();
  },
  'does not list a stream that has ended, and lists it again if it is opened again': (log) => {
    const open = log.open.bind(log);
    const ids: string[] = [];
    log.open = async (key, ...rest) => {
      ids.push(key.id);
      return open(key, ...rest);
    };
    log.running = async () => ids;
  },
  'lists a stream whose owner is gone until somebody ends it': (log) => {
    log.running = async () => [];
  },
  'a stream that its owner gives up is taken over at once, also with a grace, and that does not count as a takeover':
    opened(ownerOnly((answer) => ({ ...answer, takeovers: answer.takeovers + 1 }))),
  'whoever has given a stream up is refused, and so is whoever does not have it': releasing,
  'a stream that was given up is settled at once, and keeps its stop': reading(
    ({ stop: _stop, ...page }) => page,
  ),
  'is taken over by one of many at once after it was given up': keeping,
  'lists the streams without an owner, and no other one': (log) => {
    const open = log.open.bind(log);
    const keys: StreamKey[] = [];
    log.open = async (key, ...rest) => {
      keys.push(key);
      return open(key, ...rest);
    };
    log.unowned = async () => keys;
  },
  'lists a stream that was given up, whatever the grace, and one whose lease is over only after it': listing(
    (options) => ({ ...options, graceMs: 0 }),
  ),
  'lists as many streams as were asked for at most, and the rest after that': listing((options) => ({
    ...options,
    most: 100,
  })),
  'forgets all streams of an owner, and no others': (log) => {
    log.forget = async () => undefined;
  },
  'a token is not given a second time if its stream was forgotten and opened anew': (log) => {
    opened(ownerOnly((answer) => ({ ...answer, held: { ...answer.held, token: 1 } })))(log);
    anyToken(log);
  },
  'drops a stream when its time after the end is over, and not while it runs': (log) => {
    const read = log.read.bind(log);
    const pages = new Map<string, Page>();
    log.read = async (key, options) => {
      const page = (await read(key, options)) ?? pages.get(key.id);
      if (page !== undefined) pages.set(key.id, page);
      return page;
    };
  },
  'drops the oldest chunks of a stream that is too large, and says from which it is kept': reading(
    (page) => ({
      ...page,
      first: 0,
    }),
  ),
};

/** How long a stream that runs is kept after its last renewal, in milliseconds. */
export const RUNNING_TTL_MS = 3_600_000;

/** How long a stream is kept after its end if nobody says otherwise, in milliseconds. */
export const DEFAULT_TTL_MS = 300_000;

/** How long a stop waits for its stream to be opened, in milliseconds. */
export const TOMBSTONE_MS = 60_000;

/** How many chunks a page has if nobody says otherwise. */
export const PAGE_CHUNKS = 256;

/** The maximum size of one stream if nobody says otherwise, in bytes. */
export const DEFAULT_STREAM_BYTES = 8 * 1024 * 1024;

/** How much of a stream's maximum size is left after it has been trimmed: then not every append trims. */
export const TRIM_TO = 0.75;

/**
 * About how many chunks of a stream are dropped at once. Their snapshot is made in the process of the owner, which does nothing else meanwhile. If the stream is still too large, more are
 * dropped after that.
 */
export const TRIM_CHUNKS = 8_192;

/** For how long a process gets hints of new chunks after a read, in milliseconds, if its reader does not say that it stays longer. */
export const HINT_MS = 10_000;

/** The clock of the server in milliseconds. Not `now()`, which is the start of the transaction. */
export const NOW = `floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

/** The clock as a row: one time for the whole statement. */
export const CLOCK = `SELECT ${NOW} AS now`;

/**
 * The same, and the commit of this statement waits for no disk. What a crash of the server loses by it are the newest appends, and the owner has them. Each later statement that does wait
 * makes them durable, too.
 */
export const QUICK = `${CLOCK}, set_config('synchronous_commit', 'off', true) AS quick`;

/** Sends a hint to each process with readers but one's own, for a row `s` with the column `watch`. Counts them. */
export function told(own: string, payload: string): string {
  return `(SELECT count(pg_notify('sluice_' || w.process, ${payload})) FROM jsonb_each_text(s.watch) AS w(process, until)
    WHERE w.process <> ${own} AND w.until::bigint > ${NOW})`;
}

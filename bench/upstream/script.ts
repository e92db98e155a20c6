/** How an answer is played. It stands in the path of the address, so that the upstream keeps nothing between requests. */
export interface Script {
  /** Chunks with text in the answer. */
  chunks: number;
  /** Chunks that one write to the socket carries. */
  perWrite: number;
  /** Time from one write to the next in milliseconds; 0: as fast as the socket takes them. */
  paceMs: number;
}

/** The path of a script: `/c1000-w16-p0`. */
export function pathOf({ chunks, perWrite, paceMs }: Script): string {
  return `/c${chunks}-w${perWrite}-p${paceMs}`;
}

/** The script that a request's path begins with. */
export function scriptOf(path: string): Script {
  const found = /^\/c(\d+)-w(\d+)-p(\d+)\//.exec(path);
  if (found === null) throw new Error(`The path ${path} holds no script.`);
  return { chunks: Number(found[1]), perWrite: Number(found[2]), paceMs: Number(found[3]) };
}

/** How an answer is played. It is part of the URL's path, so that the upstream needs no state. */
export interface Script {
  /** How many chunks of text the answer has. */
  chunks: number;
  /** Chunks per write to the socket. */
  perWrite: number;
  /** Milliseconds between writes. 0: as fast as the socket accepts them. */
  paceMs: number;
}

/** The path of a script: `/c1000-w16-p0`. */
export function pathOf({ chunks, perWrite, paceMs }: Script): string {
  return `/c${chunks}-w${perWrite}-p${paceMs}`;
}

/** The script in a request's path. */
export function scriptOf(path: string): Script {
  const found = /\/c(\d+)-w(\d+)-p(\d+)\//.exec(path);
  if (found === null) throw new Error(`The path ${path} contains no script.`);
  return { chunks: Number(found[1]), perWrite: Number(found[2]), paceMs: Number(found[3]) };
}

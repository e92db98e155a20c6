/** How an answer is played. It is part of the URL's path, so that the upstream needs no state. */
export interface Script {
  /** How many chunks of text the answer has. */
  chunks: number;
  /** Chunks per write to the socket. */
  perWrite: number;
  /** Milliseconds between writes. 0: as fast as the socket accepts them. */
  paceMs: number;
  /** Milliseconds before the first write. Default: none. */
  firstMs?: number;
  /** Whether the model first calls a tool, and gives its answer when it has the result. */
  tool?: boolean;
}

/** The path of a script: `/c1000-w16-p0`, `/c20-w1-p0-tool` or `/c20-w1-p30-f100`. */
export function pathOf({ chunks, perWrite, paceMs, firstMs = 0, tool = false }: Script): string {
  return `/c${chunks}-w${perWrite}-p${paceMs}${firstMs > 0 ? `-f${firstMs}` : ''}${tool ? '-tool' : ''}`;
}

/** The script in a request's path. */
export function scriptOf(path: string): Script {
  const found = /\/c(\d+)-w(\d+)-p(\d+)(?:-f(\d+))?(-tool)?\//.exec(path);
  if (found === null) throw new Error(`The path ${path} contains no script.`);
  const [, chunks, perWrite, paceMs, firstMs = 0, tool] = found;
  return {
    chunks: Number(chunks),
    perWrite: Number(perWrite),
    paceMs: Number(paceMs),
    firstMs: Number(firstMs),
    tool: tool !== undefined,
  };
}

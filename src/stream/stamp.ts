/**
 * Says whose a chunk is, where it leaves a layer that may have made it. The chunks of each run of a layer and of each call have one; what is in it
 * belongs to `execution/`. Streams do not know what their chunks are, so it takes anything.
 */
export interface Stamp {
  /** Whether each chunk that it admits is a copy that nobody else holds. */
  makesCopies(): boolean;
  /** The number of the chunk that it saw last. */
  readonly last: number | undefined;
  /** Whether a chunk goes on as it is. The hot path: it is asked for every chunk. */
  passes(chunk: unknown): boolean;
  /** What goes on in place of a chunk that does not pass. Throws for a value that is not a chunk. */
  admit(chunk: unknown): unknown;
}

/** Says whose the chunks are that a layer makes of others with a map. */
export interface MapStamp {
  /**
   * What goes on in place of what a map made of a chunk. A layer that reads the map itself may make something else than chunks; `isHandedOn` says
   * that it must be a chunk.
   */
  made(of: unknown, made: unknown, isHandedOn: boolean): unknown;
}

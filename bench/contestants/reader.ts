/** Makes one call and passes on each piece of text as it arrives. Resolves when the answer is complete. */
export type Reader = (seen: (piece: string) => void) => Promise<void>;

/** Where a contestant sends its calls, and how many it makes at once. */
export interface Upstream {
  /** Includes the wire's usual path: `/v1` for Chat Completions, none for Messages. */
  baseURL: string;
  calls: number;
}

/** The export of each contestant's module. Sets up the contestant once, as a program does when it starts. */
export type Open = (upstream: Upstream) => Reader;

/** Sets up a contestant over a model in memory, which asks for the tool and then gives an answer in these pieces. */
export type OpenInMemory = (pieces: readonly string[]) => Reader | Promise<Reader>;

/** Every contestant asks the same question. */
export const PROMPT = 'Tell me about the river.';
export const MODEL = 'gpt-4.1-nano';
export const CLAUDE = 'claude-sonnet-4-6';
/** Not checked by the upstream. */
export const API_KEY = 'sk-a-key-that-nobody-checks';

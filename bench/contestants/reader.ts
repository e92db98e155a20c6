/** Makes one call, and hands over each piece of text as soon as there is one. Done when the answer is whole. */
export type Reader = (seen: (piece: string) => void) => Promise<void>;

/** Where a contestant is to call, and how many calls it must stand at once. */
export interface Upstream {
  /** With the wire's usual path: `/v1` for Chat Completions, none for Messages. */
  baseURL: string;
  calls: number;
}

/** What each module of a contestant exports: sets it up once, as a program does at its start. */
export type Open = (upstream: Upstream) => Reader;

/** The same question of everybody. */
export const PROMPT = 'Tell me about the river.';
export const MODEL = 'gpt-4.1-nano';
export const CLAUDE = 'claude-sonnet-4-6';
/** No one checks it. */
export const API_KEY = 'sk-a-key-that-nobody-checks';

import type { Wire } from '../../testing/upstream/wires.ts';
import { haveRealRecordings } from '../support/recordings.ts';

/** The name of a recording. */
export interface SubjectName {
  readonly wire: Wire;
  readonly name: string;
}

/** The project's own recordings of the fault matrix: text, thinking, parallel tool calls, blocks of server-side tools, citations. */
const MADE: readonly SubjectName[] = [
  { wire: 'openai-chat', name: 'made-text' },
  { wire: 'openai-chat', name: 'made-parallel-calls' },
  { wire: 'openai-responses', name: 'made-web-search' },
  { wire: 'openai-responses', name: 'made-parallel-calls' },
  { wire: 'anthropic-messages', name: 'made-thinking-calls' },
  { wire: 'anthropic-messages', name: 'made-web-search' },
];

/** Those of real providers, two per wire. */
const REAL: readonly SubjectName[] = [
  { wire: 'openai-chat', name: 'mistral-text' },
  { wire: 'openai-chat', name: 'deepseek-tool-call' },
  { wire: 'openai-responses', name: 'azure-openai-file-search-tool.1' },
  { wire: 'openai-responses', name: 'open-responses-lmstudio-tool-call.1' },
  { wire: 'anthropic-messages', name: 'anthropic-tool-no-args' },
  { wire: 'anthropic-messages', name: 'anthropic-code-execution-20260120-prompt-cache.1' },
];

/** The recordings that are there. */
export const SUBJECTS: readonly SubjectName[] = [...MADE, ...(haveRealRecordings() ? REAL : [])];

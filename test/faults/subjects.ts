import type { Wire } from '../../testing/upstream/wires.ts';

/** The name of a recording. */
export interface SubjectName {
  readonly wire: Wire;
  readonly name: string;
}

/** The recordings of the fault matrix, two per wire. They include text, thinking, tool calls and blocks of server-side tools. */
export const SUBJECTS: readonly SubjectName[] = [
  { wire: 'openai-chat', name: 'mistral-text' },
  { wire: 'openai-chat', name: 'deepseek-tool-call' },
  { wire: 'openai-responses', name: 'azure-openai-file-search-tool.1' },
  { wire: 'openai-responses', name: 'open-responses-lmstudio-tool-call.1' },
  { wire: 'anthropic-messages', name: 'anthropic-tool-no-args' },
  { wire: 'anthropic-messages', name: 'anthropic-code-execution-20260120-prompt-cache.1' },
];

import { parsePack } from 'sluice/conversation';
import type { PromptPack } from 'sluice/conversation';

/** Plain JSON in a test. */
export type Json = Record<string, unknown>;

/** A pack with one prompt, `chat`. */
export function packJson(prompt: Json = {}, pack: Json = {}): Json {
  return {
    id: 'hello',
    name: 'Hello',
    version: '1.0.0',
    template_engine: { version: 'v1', syntax: '{{variable}}' },
    prompts: {
      chat: { id: 'chat', name: 'Chat', version: '1.0.0', system_template: 'You are helpful.', ...prompt },
    },
    ...pack,
  };
}

/** A required variable, by default a string. */
export const required = (name: string, more: Json = {}): Json => ({
  name,
  type: 'string',
  required: true,
  ...more,
});

/** An optional variable. */
export const optional = (name: string, more: Json = {}): Json => ({
  ...required(name, more),
  required: false,
});

/** The same pack, parsed. */
export const pack = (prompt: Json = {}, rest: Json = {}): PromptPack => parsePack(packJson(prompt, rest));

/**
 * Conversations, and prompt packs.
 *
 * @module
 */
export { openConversation } from './open.ts';
export type { PackConversationOptions, PipelineConversationOptions } from './open.ts';
export type { PackToolBinding } from './pack-tools.ts';
export { Conversation } from './conversation.ts';
export { loadPack, parsePack } from './pack.ts';
export type {
  PackModelOverride,
  PackParameters,
  PackPrompt,
  PackTemplateEngine,
  PackTool,
  PackToolPolicy,
  PackValidation,
  PackValidator,
  PackVariable,
  PromptPack,
} from './pack-types.ts';

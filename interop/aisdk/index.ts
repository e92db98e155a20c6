/**
 * Language models of the Vercel AI SDK in Sluice, and pipelines as such models.
 *
 * @module
 */
export { aisdk } from './aisdk.ts';
export type { AISDKModel, AISDKStream, ProviderData, SupportedUrls } from './model.ts';
export type { AISDKOptions, AISDKProviderTool } from './options.ts';
export { toAISDK } from './offered/to-aisdk.ts';
export type { OfferedAnswer, OfferedModel, ToAISDKOptions } from './offered/to-aisdk.ts';
export type { OfferedCallOptions } from './offered/call.ts';
export type { OfferedContent, OfferedPart } from './offered/types.ts';

/**
 * Language models of the Vercel AI SDK in Sluice.
 *
 * @module
 */
export { aisdk } from './aisdk.ts';
export type { AISDKModel, AISDKStream, ProviderData, SupportedUrls } from './model.ts';
export type { AISDKOptions, AISDKProviderTool } from './options.ts';

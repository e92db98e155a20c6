import type { ModelRequest } from '../../../src/index.ts';
import type { BlockTarget } from '../../../providers/wire/index.ts';
import type { AISDKModel, SupportedUrls } from '../model.ts';
import type { Settings } from '../options.ts';

/** What the prompt of a call is made from. */
export interface PromptContext extends BlockTarget {
  model: AISDKModel;
  settings: Settings;
  request: ModelRequest;
  /** The addresses that the service reads by itself. */
  supportedUrls: SupportedUrls;
}

/** A JSON object of a prompt. */
export type Json = Record<string, unknown>;

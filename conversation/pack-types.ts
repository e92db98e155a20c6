/**
 * A PromptPack (https://promptpack.org) after `parsePack()`: the fields that this library reads, with the names and defaults of the specification. Every
 * object keeps its other fields unchanged.
 */
export interface PromptPack {
  $schema?: string | undefined;
  id: string;
  name: string;
  /** A semantic version of the whole pack. */
  version: string;
  description?: string | undefined;
  template_engine: PackTemplateEngine;
  /** The prompts, by the key that `openConversation()` takes. */
  prompts: Record<string, PackPrompt>;
  /** Texts for templates, by name. */
  fragments?: Record<string, string> | undefined;
  tools?: Record<string, PackTool> | undefined;
  metadata?: Record<string, unknown> | undefined;
  [field: string]: unknown;
}

/** The syntax of the templates of a pack. */
export interface PackTemplateEngine {
  version: string;
  /** A name between delimiters, such as `{{variable}}`. */
  syntax: string;
  features?: string[] | undefined;
  [field: string]: unknown;
}

/** One prompt of a pack. */
export interface PackPrompt {
  id: string;
  name: string;
  description?: string | undefined;
  /** A semantic version of this prompt. */
  version: string;
  system_template: string;
  variables?: PackVariable[] | undefined;
  parameters?: PackParameters | undefined;
  /** Changes for certain models, by the name of the model. */
  model_overrides?: Record<string, PackModelOverride> | undefined;
  /** Names in the pack's `tools`. */
  tools?: string[] | undefined;
  tool_policy?: PackToolPolicy | undefined;
  /** Has no effect yet. */
  validators?: PackValidator[] | undefined;
  [field: string]: unknown;
}

/** A variable that a prompt declares. */
export interface PackVariable {
  name: string;
  /** `string`, `number`, `boolean`, `object` or `array`. Values of any other type are not checked. */
  type: string;
  required: boolean;
  default?: unknown;
  description?: string | undefined;
  example?: unknown;
  validation?: PackValidation | undefined;
  [field: string]: unknown;
}

/** Rules for a variable's value. */
export interface PackValidation {
  /** A regular expression, for strings. */
  pattern?: string | undefined;
  /** In characters, for strings. */
  min_length?: number | undefined;
  max_length?: number | undefined;
  /** For numbers. */
  minimum?: number | undefined;
  maximum?: number | undefined;
  enum?: unknown[] | undefined;
  [field: string]: unknown;
}

/** Sampling and limits of the replies. */
export interface PackParameters {
  temperature?: number | undefined;
  max_tokens?: number | undefined;
  top_p?: number | undefined;
  top_k?: number | null | undefined;
  frequency_penalty?: number | undefined;
  presence_penalty?: number | undefined;
  [field: string]: unknown;
}

/** The changes of a prompt for one model. */
export interface PackModelOverride {
  system_template_prefix?: string | undefined;
  system_template_suffix?: string | undefined;
  /** Replaces the prompt's own template. */
  system_template?: string | undefined;
  parameters?: PackParameters | undefined;
  [field: string]: unknown;
}

/** A tool that prompts may refer to by name. */
export interface PackTool {
  name: string;
  description: string;
  /** A JSON Schema of type object. */
  parameters?: { type: 'object'; properties: Record<string, unknown>; [field: string]: unknown } | undefined;
  [field: string]: unknown;
}

/** How a prompt may use its tools. */
export interface PackToolPolicy {
  /** `required` holds for the first round of a turn. */
  tool_choice: 'auto' | 'required' | 'none';
  max_rounds: number;
  max_tool_calls_per_turn: number;
  /** Names of tools that are not offered. */
  blocklist?: string[] | undefined;
  [field: string]: unknown;
}

/** A check of a prompt's replies. */
export interface PackValidator {
  id?: string | undefined;
  type: string;
  enabled: boolean;
  message?: string | undefined;
  params?: Record<string, unknown> | undefined;
  [field: string]: unknown;
}

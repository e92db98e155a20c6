/** JSON data, as the AI SDK types it. */
export type JSONValue = null | string | number | boolean | JSONObject | JSONValue[];
/** A JSON object. */
export interface JSONObject {
  [key: string]: JSONValue | undefined;
}

/** Data of ours in a part, by the name `sluice`. The AI SDK gives it back with the next prompt. */
export interface Metadata {
  providerMetadata?: Record<string, JSONObject>;
}

/** Why a model stopped. */
export interface OfferedFinish {
  unified: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other';
  raw: string | undefined;
}

/** The tokens of one execution. */
export interface OfferedUsage {
  inputTokens: {
    total: number | undefined;
    noCache: number | undefined;
    cacheRead: number | undefined;
    cacheWrite: number | undefined;
  };
  outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined };
  raw?: JSONObject;
}

/** A file that the model made. */
export type OfferedFile = Metadata & {
  type: 'file';
  mediaType: string;
  data: { type: 'data'; data: string } | { type: 'url'; url: URL };
};

/** A web page that the answer cites. */
export type OfferedSource = Metadata & {
  type: 'source';
  sourceType: 'url';
  id: string;
  url: string;
  title?: string;
};

/** A tool call. Those that the pipeline runs are marked. */
export type OfferedCall = Metadata & {
  type: 'tool-call';
  toolCallId: string;
  toolName: string;
  input: string;
  providerExecuted?: boolean;
  dynamic?: boolean;
};

/** The result of a call that the pipeline ran, or how far it is. */
export type OfferedResult = Metadata & {
  type: 'tool-result';
  toolCallId: string;
  toolName: string;
  result: NonNullable<JSONValue>;
  isError?: boolean;
  preliminary?: boolean;
  dynamic?: boolean;
};

/** A block that only the model's own provider understands. */
export type OfferedCustom = Metadata & { type: 'custom'; kind: `${string}.${string}` };

/** A part of the stream of a pipeline that is offered as a model. */
export type OfferedPart =
  | { type: 'stream-start'; warnings: OfferedWarning[] }
  | { type: 'response-metadata'; id?: string; modelId?: string; timestamp?: Date }
  | (Metadata & { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; id: string })
  | (Metadata & { type: 'text-delta' | 'reasoning-delta'; id: string; delta: string })
  | { type: 'tool-input-start'; id: string; toolName: string; providerExecuted?: boolean; dynamic?: boolean }
  | { type: 'tool-input-delta'; id: string; delta: string }
  | { type: 'tool-input-end'; id: string }
  | OfferedCall
  | OfferedResult
  | OfferedFile
  | OfferedSource
  | OfferedCustom
  | (Metadata & { type: 'finish'; finishReason: OfferedFinish; usage: OfferedUsage })
  | { type: 'error'; error: unknown };

/** What of a call is left out. */
export interface OfferedWarning {
  type: 'unsupported';
  feature: string;
  details?: string;
}

/** A piece of a complete answer. */
export type OfferedContent =
  | (Metadata & { type: 'text' | 'reasoning'; text: string })
  | OfferedCall
  | OfferedResult
  | OfferedFile
  | OfferedSource
  | OfferedCustom;

import type { ResetChunk } from '../../src/index.ts';
import type { SentChunk, SentError, SentEnd, SentStart } from '../stream/parts.ts';

/** One event of a stream of server-sent events, or one message of a socket. */
export interface Frame {
  /** The name of the event, if the format names its events. */
  event?: string;
  /** One line of text: mostly JSON. */
  data: string;
}

/** A tool of the client as OpenAI's protocols have it. */
export interface WireTool {
  name: string;
  /** The group of tools that it belongs to. */
  namespace?: string;
  /** It takes a text and no JSON, so a call of it is of another kind. */
  takesText?: true;
}

/** What an encoder has to know about the request. */
export interface EncoderOptions {
  /**
   * Names of the tools that came in the client's request. On the compatible formats only calls of these are shown; all others are the pipeline's own and stay inside.
   */
  clientTools?: ReadonlySet<string>;
  /** The model as the client asked for it: it is given back unchanged. */
  model?: string;
  /** Chat completions, Responses: how the protocol names those of them that are not plain functions. */
  wireTools?: ReadonlyMap<string, WireTool>;
  /** Responses: the names of the tools of OpenAI's API that came in the client's request, as `hostedName()` gives them. What others did stays inside. */
  hostedTools?: ReadonlySet<string>;
  /** Responses: fields of the request that each response repeats. */
  echo?: Readonly<Record<string, unknown>>;
  /** Events that the client asked for beside the usual ones: `reset`, `tool_call_delta`, `interrupted`, `tool_progress`, `file`, `metadata`, `gap`. */
  include?: ReadonlySet<string>;
  /** Chat completions: usage in a last chunk (`stream_options.include_usage`). */
  includeUsage?: boolean;
  /** Whether thinking is shown. Default: as the format says. */
  thinking?: boolean;
  /** Anthropic: whether the text of thinking is shown. Without it a block of thinking has its signature alone. Default: true. */
  thinkingText?: boolean;
  /** UI message stream: the major version of `ai` that reads it. Default: 5. */
  version?: 5 | 6 | 7;
  /** Anthropic, Responses: an estimate of the input's tokens for the first event. */
  inputTokens?: number;
  /** Anthropic: the request has tools or other things of Anthropic's API, so blocks of that API are shown as they came. */
  verbatim?: boolean;
  /** UI message stream: the client has the message so far, so what is said again is left out. */
  continues?: UiContinued;
  /** UI message stream: files of more than 256 kB are told as addresses of the server. Default: all are data URLs. */
  files?: UiFiles;
  /** AG-UI: the conversation, the run, and the messages that the client has. */
  run?: AgUiRun;
}

/** UI message stream: what the client's last message has already. */
export interface UiContinued {
  /** The id of that message: the stream goes on with it. */
  messageId: string;
  /** The ids of its tool calls. */
  calls: ReadonlySet<string>;
  /** The ids of the calls that the client has denied. */
  denied: ReadonlySet<string>;
}

/** Where the server gives the files of a stream: the address is `before`, the id of the stream, `/files/`, the position of the chunk, and `after`. */
export interface UiFiles {
  before: string;
  after: string;
}

/** AG-UI: what a client says of its run. */
export interface AgUiRun {
  threadId: string;
  runId: string;
  /** The messages of the client's input, as they came. A snapshot begins with them. */
  messages: readonly Readonly<Record<string, unknown>>[];
  /** The run goes on with a turn that the client has: what is said again of it is left out. */
  continues?: boolean;
  /** The client joins a run that is going on: what lies before this position is told as a snapshot. */
  joinAt?: number;
}

/**
 * Translates one stream into the events of a protocol. It is a pure fold: the same start, chunks and end give the same frames, whoever folds them and whenever. Each id and
 * time in a frame is made of the position or the time that it is given, never of a clock, a counter or chance.
 *
 * Position 0 is the start, the chunk of index i is i + 1, and the end follows the last chunk.
 */
export interface Encoder {
  start(start: SentStart): Frame[];
  /** `at`: when the chunk was kept, in milliseconds since the epoch. */
  chunk(chunk: SentChunk, position: number, at: number): Frame[];
  end(end: SentEnd, position: number, at: number): Frame[];
  /**
   * Only if the format has an event for it: tells in one event what the client does not have of the part of the stream that the log has dropped. The chunks were given to `chunk()`
   * one by one before, whose frames the client does not get; here their texts are merged. `at`: when the last of them was kept.
   */
  gap?(chunks: readonly SentChunk[], at: number): Frame;
  /** For a format that cannot take back what was sent: drops what a reset voids and the encoder still holds back. It is called if the client was shown nothing of it. */
  forget?(reset: ResetChunk): void;
}

/** An error before the first byte of a stream, or of an answer in one piece. */
export interface ErrorBody {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** A protocol that a stream can be sent in. */
export interface Format {
  readonly name: string;
  /** Whether the format can take back what was sent. If it cannot, a reset that voids something shown ends the stream with an error. */
  showsResets(options: EncoderOptions): boolean;
  encoder(options: EncoderOptions): Encoder;
  /** What is sent while nothing happens, as text of a stream of events. It has no id. */
  readonly heartbeat: string;
  /** Headers of the response besides those of each stream of events. */
  readonly headers: Readonly<Record<string, string>>;
  /** The header in which clients of the protocol look for the server's id of the request, if there is one. */
  readonly requestIdHeader?: string;
  /**
   * The error in the form of the protocol. `requestId` is the server's own id of the request. `retries`: how often the client says that it sent the request before, in
   * `x-stainless-retry-count`; default 0.
   */
  error(error: SentError, requestId: string, retries?: number): ErrorBody;
}

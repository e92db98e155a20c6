/**
 * Sluice: a runtime for LLM calls, built from composable middleware.
 *
 * @module
 */
export { Pipeline } from './pipeline.ts';
export type { ExecutionOptions, PipelineOptions, StartedTurn } from './options.ts';
export { checkParameters } from './options.ts';
export { compose, terminal } from './execution/layer.ts';
export type { TerminalBody, TerminalOptions } from './execution/layer.ts';
export { isVoided } from './chunks.ts';
export { Accumulator } from './accumulator.ts';
export { Stream } from './stream/stream.ts';
export type { StreamEnd, Tap } from './stream/tap.ts';
export type { TurnStream } from './turn-stream.ts';
export type { HandleOptions, Handler, Progress } from './views/handle.ts';
export type { TextOptions, ViewReset } from './views/reset.ts';
export type { TeeOptions } from './views/tee.ts';
export { End, end } from './stream/source.ts';
export type { PushSource, Receiver, BatchSource, Pulled, Readable } from './stream/source.ts';
export { SluiceError, abortedError, findSluiceError, isSluiceError } from './errors.ts';
export { CodedError, isCodedError } from './coded-error.ts';
export type { ErrorCode, ErrorDetails, ErrorJson, TimeoutPhase } from './coded-error.ts';
export { OutputError } from './output/output-error.ts';
export type { OutputFault, OutputIssue } from './output/output-error.ts';
export { checksOutput } from './output/checks-output.ts';
export { OutputForms, WRAPPER } from './output/forms.ts';
export type { CheckedElement, ElementCheck, OutputForm } from './output/forms.ts';
export { JsonReader } from './output/json-reader.ts';
export type { Nulls } from './output/nulls.ts';
export type { RequestedOutput } from './output/requested.ts';
export { outputPlanOf, withOutputPlan } from './output/plan.ts';
export type { AskedModel, AskedOutput, OutputPlan } from './output/plan.ts';
export type { OutputSupport, OutputSupportOf, SchemaDialect } from './output/support.ts';
export type {
  ArrayKey,
  DeepPartial,
  ElementAt,
  OutputResult,
  OutputTypes,
  ResultFor,
} from './output/types.ts';
export type { OutputOf, OutputSchema, RawOutputSchema, WrittenOf } from './output/schema.ts';
export { decide } from './decide.ts';
export type { Decisions, DecisionsByCall, Input } from './decide.ts';
export { contextKey } from './keys.ts';
export type { ContextEntry, ContextKey } from './keys.ts';
export type {
  AfterTurn,
  EndHook,
  ExecutionContext,
  ExecutionEnd,
  Middleware,
  Next,
  SessionView,
} from './context.ts';
export type { Call, CallEnd, CallObserver, CallProgress, LifeSign, RateLimits } from './call.ts';
export type { Provider, ProviderCall } from './provider.ts';
export { textOf } from './messages.ts';
export type {
  AudioPart,
  FilePart,
  ImagePart,
  InvalidArguments,
  Message,
  Part,
  ProviderBlock,
  ProviderPart,
  Role,
  TextPart,
  ThinkingPart,
  ToolCallPart,
  ToolResultPart,
} from './messages.ts';
export type {
  ContentChunk,
  DoneChunk,
  ExecutionChunk,
  FileChunk,
  ResetChunk,
  StampedChunk,
  StreamChunk,
  ThinkingChunk,
  ToolCallChunk,
  ToolCallDeltaChunk,
  ToolProgressChunk,
  ToolResultChunk,
} from './chunks.ts';
export type {
  CacheBreakpoint,
  FinishReason,
  ModelRequest,
  Parameters,
  RawExchange,
  ReasoningOptions,
  Reply,
  ResponseFormat,
  ToolChoice,
  ToolDefinition,
} from './request.ts';
export type { PendingCall } from './pending-call.ts';
export type { Outcome } from './outcome.ts';
export type { ExecutionResult, Response } from './result.ts';
export type { Partial as PartialReply, ToolCall } from './partial.ts';
export type { Cost, Usage } from './usage.ts';
export { noUsage, sumCost, sumUsage } from './usage.ts';
export { wellFormed } from './well-formed.ts';
export type {
  Attributes,
  ExecutionTrace,
  Span,
  SpanEnd,
  SpanHandle,
  SpanKind,
  SpanListener,
} from './trace.ts';
export { silent, toLogger } from './log.ts';
export type { Logger, LoggerLike } from './log.ts';
export { MemoryStore } from './session/store/memory-store.ts';
export type { MemoryStoreOptions } from './session/store/memory-driver.ts';
export type {
  AppendOptions,
  Branch,
  Lease,
  LeaseOptions,
  ListOptions,
  LoadOptions,
  RecordOptions,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  Spend,
  SpendScope,
  StateStore,
  StoredTurn,
  TurnEnd,
} from './session/store/store.ts';
export type { ClaimableDecisions, StepWriter, TurnSteps } from './execution/turn-steps.ts';
export { Ledger, ledgerOf } from './session/steps/ledger.ts';
export type { CallState, RoundState } from './session/steps/ledger.ts';
export type {
  Approve,
  CallOutcome,
  CutStep,
  Decision,
  DecisionStep,
  MessageStep,
  ReplyStep,
  ResultStep,
  Spent,
  StartedStep,
  Step,
  StoredStep,
  WaitStep,
} from './session/steps/step.ts';
export type { OpenSession, OpenTurn, PipelineStore } from './session/store/open-session.ts';
export { storeCall } from './session/store/store-call.ts';
export type { StoreCallOptions } from './session/store/store-call.ts';
export type { OnBusy } from './session/session-queue.ts';
export type { LostTurn, LostTurnEnd } from './session/end-turn.ts';
export { checkSessionKey } from './session/store/check-key.ts';
export { sessionName } from './session/store/store-errors.ts';
// For stores of one's own.
export { defineStore } from './session/store/define-store.ts';
export type { StoreOptions } from './session/store/driver-calls.ts';
export { changed, firstRows, refusal } from './session/store/driver.ts';
export type {
  Awaitable,
  Condition,
  Copy,
  Found,
  Loaded,
  Place,
  Row,
  StoreDriver,
  StoredRow,
  Sums,
  Write,
  Written,
} from './session/store/driver.ts';
export { SUM_NAMES, addSums } from './session/store/sums.ts';
export type { SumName } from './session/store/sums.ts';
export { storedText } from './session/store/stored.ts';
export type { SessionContent, StoredPlace, TextFormat } from './session/store/stored.ts';

/**
 * Tools for testing plugins: a fault server that speaks the wire formats of LLM providers, a scripted provider, and the contract suites
 * that every middleware, provider, session store and chunk log must pass. Works with any test runner and imports none.
 *
 * @module
 */
export { faultServer } from './upstream/fault-server.ts';
export type { FaultServer, FaultServerOptions, ScriptedResponse } from './upstream/fault-server.ts';
export type { FaultConnection, FaultServerTls, GoawayOptions } from './upstream/connections.ts';
export type { Fault, FaultPosition, FaultResponse, Split } from './upstream/fault-response.ts';
export type { RecordedRequest } from './upstream/recorded-request.ts';
export type { Closed, Ending } from './upstream/response-writer.ts';
export type { CommentOptions, Wire, WireStream } from './upstream/wires.ts';
export { chatStream } from './upstream/chat-stream.ts';
export type { ChatStreamOptions } from './upstream/chat-stream.ts';
export { responsesStream } from './upstream/responses-stream.ts';
export type { ResponsesStreamOptions } from './upstream/responses-stream.ts';
export { messagesStream } from './upstream/messages-stream.ts';
export type { MadeBlock, MessagesStreamOptions } from './upstream/messages-stream.ts';
export type { MadeText, MadeToolCall, MadeUsage } from './made-stream.ts';
export {
  anthropicError,
  chatErrorLine,
  htmlPage,
  messagesErrorLine,
  openaiError,
  responsesErrorLine,
} from './upstream/provider-errors.ts';
export type { ProviderErrorOptions } from './upstream/provider-errors.ts';
export { manualGate } from './manual-gate.ts';
export type { Gate, ManualGate } from './manual-gate.ts';
export { scripted } from './scripted.ts';
export type { ScriptedCall, ScriptedOptions, ScriptedProvider } from './scripted.ts';
export type { ScriptedAnswer, ScriptedReply } from './scripted-reply.ts';
export { directCall } from './model-call.ts';
export type { DirectCall } from './model-call.ts';
export { middlewareCases, middlewareContract } from './middleware/contract.ts';
export type { MiddlewareChange, MiddlewareContractOptions } from './middleware/contract.ts';
export { providerCases, providerContract } from './provider/contract.ts';
export type {
  EmbeddedProviderOptions,
  ProviderCasesOptions,
  ProviderContractOptions,
  WireProviderOptions,
} from './provider/contract.ts';
export type { Endpoint, Scene } from './provider/stage.ts';
export { stateStoreCases, stateStoreContract } from './store/contract.ts';
export type { StateStoreContractOptions } from './store/contract.ts';
export { chunkLogCases, chunkLogContract } from './chunk-log/contract.ts';
export type { ChunkLogContractOptions } from './chunk-log/contract.ts';
export type { MadeLogOptions } from './chunk-log/stage.ts';
export type { ContractCase, TestRunner } from './contract.ts';

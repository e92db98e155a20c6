/**
 * What authors of plugins test with: a fault server that speaks the wires of LLM providers, a scripted provider, and the contracts
 * that every middleware, every provider and every session store keeps. No test runner comes with it, and none is imported.
 *
 * @module
 */
export { faultServer } from './fault-server.ts';
export type { FaultServer, FaultServerOptions, ScriptedResponse } from './fault-server.ts';
export type { Fault, FaultPosition, FaultResponse, Split } from './fault-response.ts';
export type { RecordedRequest } from './recorded-request.ts';
export type { Closed, Ending } from './response-writer.ts';
export type { CommentOptions, Wire, WireStream } from './wires.ts';
export { chatStream } from './chat-stream.ts';
export type { ChatStreamOptions } from './chat-stream.ts';
export { responsesStream } from './responses-stream.ts';
export type { ResponsesStreamOptions } from './responses-stream.ts';
export { messagesStream } from './messages-stream.ts';
export type { MadeBlock, MessagesStreamOptions } from './messages-stream.ts';
export type { MadeText, MadeToolCall, MadeUsage } from './made-stream.ts';
export {
  anthropicError,
  chatErrorLine,
  htmlPage,
  messagesErrorLine,
  openaiError,
  responsesErrorLine,
} from './provider-errors.ts';
export type { ProviderErrorOptions } from './provider-errors.ts';
export { manualGate } from './manual-gate.ts';
export type { Gate, ManualGate } from './manual-gate.ts';
export { scripted } from './scripted.ts';
export type { ScriptedCall, ScriptedOptions, ScriptedProvider } from './scripted.ts';
export type { ScriptedAnswer, ScriptedReply } from './scripted-reply.ts';
export { directCall } from './model-call.ts';
export type { DirectCall } from './model-call.ts';
export { middlewareCases, middlewareContract } from './middleware-contract.ts';
export type { MiddlewareChange, MiddlewareContractOptions } from './middleware-contract.ts';
export { providerCases, providerContract } from './provider-contract.ts';
export type {
  EmbeddedProviderOptions,
  ProviderCasesOptions,
  ProviderContractOptions,
  WireProviderOptions,
} from './provider-contract.ts';
export type { Endpoint, Scene } from './provider-stage.ts';
export { stateStoreCases, stateStoreContract } from './state-store-contract.ts';
export type { StateStoreContractOptions } from './state-store-contract.ts';
export type { ContractCase, TestRunner } from './contract.ts';

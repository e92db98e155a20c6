export type { Decoder, ResponseInfo, WireCall } from './wire.ts';
export { Endpoint } from './transport/endpoint.ts';
export { wireStream } from './reply/wire-stream.ts';
export { limitsSchema, type Limits } from './options/limits.ts';
export { errorIn } from './errors/error-body.ts';
export { errorFromBody, statusError, toSluiceError } from './errors/errors.ts';
export { count, isDeeper, isRecord, jsonText, text } from './json.ts';
export { checkedArguments, invalidArguments, readArguments, type ReadArguments } from './calls/arguments.ts';
export { finishReasonOf } from './finish-reasons.ts';
export { blockData, blockFrom, originOf, type Origin } from './origin.ts';
export { mostUsage } from './usage.ts';
export { rememberLast } from './remember-last.ts';
export { BLANK_ERROR, sentArguments } from './calls/call-content.ts';
export type { IdRule } from './calls/call-ids.ts';
export { pairedCalls, type CallWire } from './calls/call-pairs.ts';
export { nothingToSend } from './nothing-to-send.ts';
export { rawBodyOf, readText } from './transport/raw-body.ts';
export { checkHeaderValue, providerFetch } from './transport/transport.ts';
export { ToolCallAssembler, type ToolCallPiece } from './calls/tool-calls.ts';
export {
  environmentValue,
  isHeaderLine,
  isHeaderName,
  isHeaderValue,
  isHttpUrl,
  withoutEnvironmentHeaders,
} from './options/option-checks.ts';

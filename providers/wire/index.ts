export type { Decoder, ResponseInfo, WireCall } from './wire.ts';
export { Endpoint } from './endpoint.ts';
export { wireStream } from './wire-stream.ts';
export { limitsSchema, type Limits } from './limits.ts';
export { errorIn } from './error-body.ts';
export { errorFromBody, statusError, toSluiceError } from './errors.ts';
export { count, isDeeper, isRecord, jsonText, text } from './json.ts';
export { checkedArguments, invalidArguments, readArguments, type ReadArguments } from './arguments.ts';
export { finishReasonOf } from './finish-reasons.ts';
export { blockData, blockFrom, originOf, type Origin } from './origin.ts';
export { mostUsage } from './usage.ts';
export { rememberLast } from './remember-last.ts';
export { BLANK_ERROR, sentArguments } from './call-content.ts';
export type { IdRule } from './call-ids.ts';
export { pairedCalls, type CallWire } from './call-pairs.ts';
export { nothingToSend } from './nothing-to-send.ts';
export { rawBodyOf, readText } from './raw-body.ts';
export { checkHeaderValue, providerFetch } from './transport.ts';
export { ToolCallAssembler, type ToolCallPiece } from './tool-calls.ts';
export {
  environmentValue,
  isHeaderLine,
  isHeaderName,
  isHeaderValue,
  isHttpUrl,
  withoutEnvironmentHeaders,
} from './settings.ts';

import { describe, expect, it } from 'vitest';
import { kindOfError, kindOfSocketError } from '../../../../providers/wire/errors/error-codes.ts';

describe('the code of a socket error', () => {
  it.each([
    ['ECONNRESET', { code: 'network' }],
    ['EAI_AGAIN', { code: 'network' }],
    ['ERR_HTTP2_STREAM_ERROR', { code: 'network' }],
    ['UND_ERR_HEADERS_TIMEOUT', { code: 'timeout', phase: 'first_chunk' }],
    ['UND_ERR_BODY_TIMEOUT', { code: 'timeout', phase: 'idle' }],
    ['UND_ERR_INVALID_ARG', { code: 'invalid_options' }],
    ['UND_ERR_NOT_SUPPORTED', { code: 'invalid_options' }],
    ['UND_ERR_DESTROYED', { code: 'shutting_down' }],
    ['UND_ERR_CLOSED', { code: 'shutting_down' }],
    ['UND_ERR_HEADERS_OVERFLOW', { code: 'protocol', retryable: false }],
    ['UND_ERR_RES_EXCEEDED_MAX_SIZE', { code: 'protocol', retryable: false }],
    ['HPE_INVALID_CHUNK_SIZE', { code: 'protocol', retryable: false }],
    ['HPE_INVALID_EOF_STATE', { code: 'network' }],
    ['Z_DATA_ERROR', { code: 'protocol', retryable: false }],
    ['Z_BUF_ERROR', { code: 'network' }],
    ['ERR__ERROR_FORMAT_PADDING_1', { code: 'protocol', retryable: false }],
    ['ZSTD_error_corruption_detected', { code: 'protocol', retryable: false }],
    ['CERT_HAS_EXPIRED', { code: 'network', retryable: false }],
    ['ERR_TLS_CERT_ALTNAME_INVALID', { code: 'network', retryable: false }],
    ['ERR_SSL_WRONG_VERSION_NUMBER', { code: 'network', retryable: false }],
    ['SELF_SIGNED_CERT_IN_CHAIN', { code: 'network', retryable: false }],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', { code: 'network', retryable: false }],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', { code: 'network', retryable: false }],
    ['EPROTO', { code: 'network', retryable: false }],
    ['EPROTONOSUPPORT', undefined],
    ['MY_EAI_AGAIN', undefined],
    ['MY_ERR_HTTP2_', undefined],
    ['MY_Z_DATA_ERROR', undefined],
    ['MY_CERT_HAS_EXPIRED', undefined],
    ['ENOENT', undefined],
    ['', undefined],
  ])('%s means %j', (code, expected) => {
    expect(kindOfSocketError(code)).toEqual(expected);
  });
});

describe('the kind of an error', () => {
  it.each([
    [401, 'authentication'],
    [402, 'permission'],
    [403, 'permission'],
    [404, 'not_found'],
    [408, 'timeout'],
    [409, 'conflict'],
    [429, 'rate_limited'],
    [503, 'overloaded'],
    [529, 'overloaded'],
    [400, 'invalid_request'],
    [499, 'invalid_request'],
    [500, 'server'],
    [599, 'server'],
    [399, 'server'],
    [200, 'server'],
    [undefined, 'server'],
  ])('of status %s alone is %s', (status, code) => {
    expect(kindOfError([], status)).toEqual({ code });
  });

  it.each([
    [['Insufficient_Quota'], 500, { code: 'rate_limited', retryable: false }],
    [['unknown', 'slow_down'], 500, { code: 'rate_limited' }],
    // A code that says something comes before the pattern that an earlier one has.
    [['engine_overloaded', 'slow_down'], 400, { code: 'rate_limited' }],
    [['unknown', 'engine_overloaded'], 400, { code: 'overloaded' }],
    [['the engine_overloaded itself'], 400, { code: 'invalid_request' }],
    [['x'.repeat(90) + '_overload'], 400, { code: 'overloaded' }],
    [['x'.repeat(91) + '_overload'], 400, { code: 'overloaded' }],
    [['x'.repeat(92) + '_overload'], 400, { code: 'invalid_request' }],
    [['invalid_request_error'], 500, { code: 'server' }],
    [['invalid_request_error'], 200, { code: 'invalid_request' }],
    [['unknown', 'badrequesterror'], undefined, { code: 'invalid_request' }],
    [['api_error'], undefined, { code: 'server' }],
    [['api_error', 'invalid_prompt'], undefined, { code: 'server' }],
    [['invalidparameter'], undefined, { code: 'invalid_request' }],
    [['image_too_large'], undefined, { code: 'invalid_request' }],
    [['unsupported_value'], undefined, { code: 'invalid_request' }],
    [['empty_array'], undefined, { code: 'invalid_request' }],
    [['failed_to_download_image'], undefined, { code: 'invalid_request' }],
    [['an_invalid_thing'], undefined, { code: 'server' }],
    [['unknown'], undefined, { code: 'server' }],
  ])('of %j with status %s is %j', (words, status, expected) => {
    expect(kindOfError(words, status)).toEqual(expected);
  });
});

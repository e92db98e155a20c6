import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../../src/index.ts';
import { wasNeverSent } from '../../../../providers/wire/errors/never-sent.ts';

const coded = (code: unknown, more: object = {}) => Object.assign(new Error('x'), { code, ...more });

/** An error that is the cause of so many others. */
const within = (error: unknown, depth: number): unknown =>
  depth === 0 ? error : new Error('x', { cause: within(error, depth - 1) });

describe('an error without a connection', () => {
  it.each([
    'EAI_AGAIN',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  ])('has the code %s', (code) => {
    expect(wasNeverSent(coded(code))).toBe(true);
    expect(wasNeverSent(coded(`MY_${code}`))).toBe(false);
  });

  it.each([['UNABLE_TO_READ'], ['ERR_TLS_HANDSHAKE'], [111], [undefined]])('has no code %s', (code) => {
    expect(wasNeverSent(coded(code))).toBe(false);
  });

  it.each([
    ['connect', true],
    ['read', false],
  ])('is one of the system call %s: %s', (syscall, expected) => {
    expect(wasNeverSent(Object.assign(new Error('x'), { syscall }))).toBe(expected);
  });

  it('is found among eight causes, and no deeper', () => {
    expect(wasNeverSent(within(coded('ECONNREFUSED'), 7))).toBe(true);
    expect(wasNeverSent(within(coded('ECONNREFUSED'), 8))).toBe(false);
  });

  it.each([
    ['all have none', [coded('ECONNREFUSED'), coded('EHOSTUNREACH')], true],
    ['one was reached', [coded('ECONNREFUSED'), coded('ECONNRESET')], false],
    ['one says nothing', [coded('ECONNREFUSED'), 'ECONNREFUSED'], false],
    ['there is no address', [], false],
  ])('counts for each address of a host: %s', (_what, errors, expected) => {
    expect(wasNeverSent(new AggregateError(errors))).toBe(expected);
  });
});

describe('an error of ours', () => {
  it.each([
    ['shutting_down', undefined, true],
    ['invalid_options', undefined, true],
    ['invalid_request', undefined, true],
    ['invalid_request', 400, false],
    ['network', undefined, false],
  ] as const)('%s with status %s: %s', (code, status, expected) => {
    const error = new SluiceError(code, 'No.', { status, cause: coded('ECONNREFUSED') });
    expect(wasNeverSent(error)).toBe(expected);
  });
});

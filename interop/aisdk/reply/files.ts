import { base64OfBytes, filled, isRecord } from '../../../providers/wire/index.ts';

/** Where the content of a file is: base64 data, or an address. */
export interface FileData {
  data?: string;
  url?: string;
}

/** The content of a file in a reply, in the forms of V3 (base64 or bytes) and V4 (tagged). Undefined if there is none. */
export function fileData(given: unknown): FileData | undefined {
  if (given instanceof Uint8Array) return { data: base64OfBytes([given]) };
  if (given instanceof URL) return { url: given.href };
  if (typeof given === 'string') return given === '' ? undefined : { data: given };
  if (!isRecord(given)) return undefined;
  switch (given['type']) {
    case 'data':
      return given['data'] instanceof Uint8Array || typeof given['data'] === 'string'
        ? fileData(given['data'])
        : undefined;
    case 'url': {
      const url = given['url'] instanceof URL ? given['url'].href : filled(given['url']);
      return url === undefined ? undefined : { url };
    }
    default:
      return undefined;
  }
}

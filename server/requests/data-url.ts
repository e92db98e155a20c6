/** A file in a `data:` address: its media type, and its bytes as base64. Undefined for any other address, and for data that is not base64. */
export function fromDataUrl(url: string): { mediaType: string; data: string } | undefined {
  if (!url.startsWith('data:')) return undefined;
  const comma = url.indexOf(',');
  const [mediaType = '', ...parameters] = url.slice('data:'.length, comma).split(';');
  if (comma < 0 || !parameters.includes('base64')) return undefined;
  return { mediaType: mediaType || 'text/plain', data: url.slice(comma + 1) };
}

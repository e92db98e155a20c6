/** How many bytes become characters at once: a call takes a limited number of arguments. */
const STEP = 8_192;

/** The UTF-8 bytes of a text as base64, on any runtime. */
export function base64OfText(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = '';
  for (let at = 0; at < bytes.length; at += STEP)
    binary += String.fromCharCode(...bytes.subarray(at, at + STEP));
  return btoa(binary);
}

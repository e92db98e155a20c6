/** A file of the page, ready to be sent. */
export interface PageAnswer {
  body: string;
  headers: Readonly<Record<string, string>>;
}

/**
 * The rules under which the page runs. Only its own script and style sheet are loaded, from the server that it came from, and it talks to nobody else. A reply of a model cannot make
 * it load anything: images come from the reply itself. What is written into the document has to pass DOMPurify.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types dompurify 'allow-duplicates'",
].join('; ');

const COMMON = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

/**
 * The page for a chat with the server, and for looking into its turns: `/`, `/page.css` and `/page.js`. Undefined for any other path. It is made of plain files with nothing of the
 * server's options, so anybody may see them; what it asks for goes through the server's routes, with the token that its user types in.
 */
export async function page(path: string): Promise<PageAnswer | undefined> {
  if (path !== '/' && path !== '/page.css' && path !== '/page.js') return undefined;
  // Loaded when somebody asks for it: most servers are only asked by programs.
  const { pageFiles } = await import('./files.ts');
  const { html, style, script } = await pageFiles();
  if (path === '/page.css')
    return { body: style, headers: { ...COMMON, 'content-type': 'text/css; charset=utf-8' } };
  if (path === '/page.js')
    return { body: script, headers: { ...COMMON, 'content-type': 'text/javascript; charset=utf-8' } };
  return {
    body: html,
    headers: {
      ...COMMON,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': 'camera=(), microphone=(), geolocation=()',
    },
  };
}

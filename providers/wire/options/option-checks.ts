const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** Whether a text can be the name of a header (RFC 9110, section 5.1). */
export function isHeaderName(name: string): boolean {
  return HEADER_NAME.test(name);
}

/** Whether a text can be the value of a header: one line (RFC 9110, section 5.5). */
export function isHeaderValue(value: string): boolean {
  return HEADER_VALUE.test(value);
}

/** Whether a text can be the value of a header, is not empty and has no spaces around it, like a key. */
export function isHeaderLine(value: string): boolean {
  return value !== '' && value === value.trim() && isHeaderValue(value);
}

/** Whether a text is an http or https address. */
export function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

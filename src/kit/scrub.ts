/** What stands in place of a key. */
const HIDDEN = '***';

/** Shorter strings are not secrets, and would be found in any text. */
const MIN_SECRET_CHARACTERS = 4;

/** A longer secret is also found by its beginning, because whoever quotes it may cut it off. */
const WHOLE_CHARACTERS = 16;
const BEGINNING_CHARACTERS = 12;

/** What goes on after the beginning of a key, in any spelling. */
const REST = String.raw`(?:[\w.~+/=*-]|%[\da-f]{2}|\\{1,4}u[\da-f]{4}|&#x?[\da-f]{1,7};)*`;

/**
 * What keys look like, including masked ones: those of vendors of models, of GitHub, GitLab, Slack, Google and AWS, web tokens, the values of
 * `Authorization` and of fields and parameters that are named like a key, and the password in an address. No repetition contains another one, so
 * it takes linear time.
 */
const KEY_LIKE = new RegExp(
  [
    String.raw`\b(?:sk|pk|rk|gsk|csk|xai|pplx|hf|nvapi|r8|fw|tgp|gh[oprsu]|github_pat|glpat|xox[abeoprs])[-_][\w*.-]{8,}`,
    String.raw`\bAIza[\w-]{20,}`,
    String.raw`\bya29\.[\w-]{8,}`,
    String.raw`\b(?:AKIA|ASIA)[\dA-Z]{12,}`,
    String.raw`\beyJ[\w-]{8,}\.[\w-]{8,}[\w.-]*`,
    String.raw`\bBearer +[^\s"',]{8,}`,
    String.raw`\bBasic +(?=[a-z+/]*[\d=])[\w+/=-]{8,}`,
    String.raw`(?<=://[^\s/@:"']{0,100}:)[^\s/@"']{1,200}(?=@)`,
    String.raw`(?<=[?&](?:key|api[-_]?key|access[-_]?token|token|sig|signature|secret|password)=)[^\s&"'#]{4,}`,
    String.raw`(?<=\b(?:api[-_]?key|access[-_]?token|client[-_]?secret)["']?\s{0,2}[:=]\s{0,2}["']?)[^\s"',;}]{8,}`,
  ].join('|'),
  'gi',
);

/**
 * A text without keys: without the given secrets, however they are spelled (escaped as in JSON, HTML or an address, in base64, in another case,
 * cut off), and without anything that looks like an API key. Each is replaced by `***`.
 *
 * @example
 * scrub('Wrong key: sk-proj-abcdefgh'); // 'Wrong key: ***'
 */
export function scrub(text: string, secrets: readonly string[] = []): string {
  let clean = text;
  for (const secret of new Set(secrets.map((one) => one.trim()))) {
    if (secret.length < MIN_SECRET_CHARACTERS) continue;
    clean = clean.replace(spelled(secret), HIDDEN);
    for (const piece of inBase64(secret)) clean = clean.replace(piece, HIDDEN);
  }
  return clean.replace(KEY_LIKE, HIDDEN);
}

/** Whether a text holds one of the secrets as it is, or something that looks like a key. Cheaper than {@link scrub}. */
export function holdsKey(text: string, secrets: readonly string[] = []): boolean {
  KEY_LIKE.lastIndex = 0;
  return (
    KEY_LIKE.test(text) || secrets.some((one) => one.length >= MIN_SECRET_CHARACTERS && text.includes(one))
  );
}

/** Finds a secret in all spellings of its characters. */
function spelled(secret: string): RegExp {
  const characters = Array.from(secret, spellingsOf);
  if (characters.length <= WHOLE_CHARACTERS) return new RegExp(characters.join(''), 'gi');
  return new RegExp(characters.slice(0, BEGINNING_CHARACTERS).join('') + REST, 'gi');
}

/** A character as it is, with a backslash, or escaped as in JSON, an address (even twice) or HTML. */
function spellingsOf(character: string): string {
  const plain = String.raw`\\{0,4}` + character.replace(/[$()*+./?[\\\]^{|}-]/, String.raw`\$&`);
  const code = character.codePointAt(0) ?? 0;
  if (code > 0x7f) return `(?:${plain})`;
  const hex = code.toString(16).padStart(2, '0');
  return String.raw`(?:${plain}|\\{1,4}u00${hex}|%(?:25){0,2}${hex}|&#0{0,5}${code};|&#x0{0,5}${hex};)`;
}

/** Finds a secret in base64, at any place in what was encoded, as in `Authorization: Basic`. */
function inBase64(secret: string): RegExp[] {
  const bytes = new TextEncoder().encode(secret);
  return [0, 1, 2].flatMap((before) => {
    const padded = new Uint8Array(before + bytes.length);
    padded.set(bytes, before);
    // The characters at both ends also depend on the neighbors.
    const first = Math.ceil((before * 8) / 6);
    const piece = btoa(String.fromCharCode(...padded)).slice(first, Math.floor((padded.length * 8) / 6));
    if (piece.length < BEGINNING_CHARACTERS) return [];
    const begin = piece.slice(0, WHOLE_CHARACTERS).replace(/[+/]/g, (one) => (one === '+' ? '[+-]' : '[/_]'));
    return [new RegExp(`${begin}[\\w+/=-]*`, 'g')];
  });
}

import { quoted } from '../errors/scrub.ts';
import type { ReplyContext } from '../wire.ts';

/** Warns about something in a reply. It may quote the server: on one line, without secrets. */
export function replyWarning(
  { provider, call, info }: Pick<ReplyContext, 'provider' | 'call' | 'info'>,
  what: string,
): void {
  call.warn(`${provider}: ${quoted(what, info.secrets)}`);
}

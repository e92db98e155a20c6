import { filled } from '../../../wire/index.ts';
import { ownOptionsOf } from '../../shared/reply-context.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { recordsOf } from './item-table.ts';

/**
 * The start of the ids of calls that xAI runs itself and sends as calls of custom tools: `x_keyword_search`,
 * `view_x_video`.
 */
const XAI_CALL = 'xs_';

/** The tools that a request offers, which the client runs, including those of `providerOptions`. */
export class OfferedTools {
  readonly #names = new Set<string>();

  constructor(context: OpenAIReplyContext) {
    const { tools } = context.call.call.request;
    for (const { name } of tools ?? []) this.#names.add(`function ${name}`);
    this.#add(ownOptionsOf(context)['tools']);
  }

  has(name: string | undefined, custom: boolean): boolean {
    return name !== undefined && this.#names.has(`${custom ? 'custom' : 'function'} ${name}`);
  }

  /** Whether xAI runs a call. */
  isServerCall(call: { name: string | undefined; callId: string | undefined; custom: boolean }): boolean {
    return call.custom && call.callId?.startsWith(XAI_CALL) === true && !this.has(call.name, true);
  }

  /** Adds tools in the form of the API. Tools that the provider runs have no name. */
  #add(tools: unknown): void {
    for (const tool of recordsOf(tools)) {
      const name = filled(tool['name']);
      if (name !== undefined) this.#names.add(`${tool['type'] === 'custom' ? 'custom' : 'function'} ${name}`);
      // The tools of a namespace.
      this.#add(tool['tools']);
    }
  }
}

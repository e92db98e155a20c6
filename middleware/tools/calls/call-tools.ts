import { SluiceError, ledgerOf } from '../../../src/index.ts';
import type { CallState, Ledger, PendingCall, Step } from '../../../src/index.ts';
import type { Tool } from '../tool.ts';

/** Tools by their names. */
export type ToolsByName = ReadonlyMap<string, Tool>;

/** Finds the calls that wait and their tools, in a loop and in those inside its calls. */
export class CallTools {
  readonly #byName: ToolsByName;
  readonly #steps: readonly { readonly step: Step }[];
  readonly #ledgers = new Map<string | undefined, Ledger>();

  constructor(byName: ToolsByName, steps: readonly { readonly step: Step }[]) {
    this.#byName = byName;
    this.#steps = steps;
  }

  /** What the steps say of a call that waits. */
  stateOf({ callId, path }: PendingCall): CallState | undefined {
    return this.#ledger(path).calls.get(callId);
  }

  /** The tool of a call that waits. Throws `tool` if it is gone or has changed since. */
  toolOf(pending: PendingCall): Tool {
    const { name, fingerprint } = pending;
    const tool = this.#toolsAt(pending.path)?.get(name);
    if (tool === undefined) throw changed(pending, 'is not in the list of tools() any more');
    if (fingerprint !== undefined && fingerprint !== tool.fingerprint)
      throw changed(pending, 'has changed since');
    return tool;
  }

  /** The tools of the loop at a path: each call of it has to be one of an agent. */
  #toolsAt(path: string | undefined): ToolsByName | undefined {
    let tools: ToolsByName | undefined = this.#byName;
    const ids = path?.split('/') ?? [];
    ids.forEach((callId, depth) => {
      const above = depth === 0 ? undefined : ids.slice(0, depth).join('/');
      const name = this.#ledger(above).calls.get(callId)?.call.name;
      tools = name === undefined ? undefined : tools?.get(name)?.inner?.();
    });
    return tools;
  }

  #ledger(path: string | undefined): Ledger {
    let ledger = this.#ledgers.get(path);
    if (ledger === undefined) this.#ledgers.set(path, (ledger = ledgerOf(this.#steps, path)));
    return ledger;
  }
}

function changed({ name, callId }: PendingCall, why: string): SluiceError {
  return new SluiceError(
    'tool',
    `The tool ${name} ${why}: the call ${callId} still waits. Deny it, or go on with the tool as it was.`,
  );
}

import { SluiceError, ledgerOf } from '../../src/index.ts';
import type { PendingCall, Step, ToolCallPart } from '../../src/index.ts';
import type { Tool } from './tool.ts';

/** Tools by their names. */
export type ToolsByName = ReadonlyMap<string, Tool>;

/** Steps in their order. */
export type Steps = readonly { readonly step: Step }[];

/** The tool of a call that waits, in this loop or in one inside a call. Throws `tool` if it is gone or has changed since. */
export function toolOf(pending: PendingCall, byName: ToolsByName, steps: Steps): Tool {
  const { name, fingerprint } = pending;
  const tool = toolsAt(pending.path, byName, steps)?.get(name);
  if (tool === undefined) throw changed(pending, 'is not in the list of tools() any more');
  if (fingerprint !== undefined && fingerprint !== tool.fingerprint)
    throw changed(pending, 'has changed since');
  return tool;
}

/** The call of the model that waits. */
export function callOf({ callId, path }: PendingCall, steps: Steps): ToolCallPart | undefined {
  return ledgerOf(steps, path).calls.get(callId)?.call;
}

/** The tools of the loop at a path: each call of it has to be one of an agent. */
function toolsAt(path: string | undefined, byName: ToolsByName, steps: Steps): ToolsByName | undefined {
  let tools: ToolsByName | undefined = byName;
  const ids = path?.split('/') ?? [];
  ids.forEach((callId, depth) => {
    const above = depth === 0 ? undefined : ids.slice(0, depth).join('/');
    const name = ledgerOf(steps, above).calls.get(callId)?.call.name;
    tools = name === undefined ? undefined : tools?.get(name)?.inner?.();
  });
  return tools;
}

function changed({ name, callId }: PendingCall, why: string): SluiceError {
  return new SluiceError(
    'tool',
    `The tool ${name} ${why}: the call ${callId} still waits. Deny it, or go on with the tool as it was.`,
  );
}

import type { Message, Part, ProviderBlock, ToolCallPart, ToolResultPart } from '../../../src/index.ts';
import { text } from '../json.ts';
import { blockData, type Origin } from '../origin.ts';
import type { Unsupported } from './unsupported.ts';

/** The request that blocks are put into. */
export interface BlockTarget {
  /** Where the request goes. Blocks from elsewhere are left out. */
  readonly origin: Origin;
  readonly unsupported: Unsupported;
}

/** A copy of a block's data if the block came from where the request goes. Otherwise reports why it is left out. */
export function ownBlock(
  { origin, unsupported }: BlockTarget,
  block: ProviderBlock | undefined,
): Record<string, unknown> | undefined {
  if (block === undefined) return undefined;
  const found = blockData(block, origin);
  if ('data' in found) return { ...found.data };
  unsupported(found.foreign);
  return undefined;
}

/**
 * The original form of a call that a provider ran itself, or of its result. Another provider cannot use it: both are left out, and
 * neither becomes a call for the client to run.
 */
export function providerRun(
  target: BlockTarget,
  part: ToolCallPart | ToolResultPart,
): Record<string, unknown> | undefined {
  // The original form of a call may hold the result, too: a result without a block needs no warning.
  if (part.block !== undefined || part.type === 'tool_result') return ownBlock(target, part.block);
  target.unsupported(`a call of ${part.name} that a provider ran itself is left out: its block is missing`);
  return undefined;
}

/** The id in the original form of a call, if that form is sent back. `field` is the name of the id on the wire. */
export function ownCallId(part: Part, origin: Origin, field: 'id' | 'call_id'): string | undefined {
  if (!('block' in part) || part.block === undefined) return undefined;
  const found = blockData(part.block, origin);
  return 'data' in found ? text(found.data[field]) : undefined;
}

/** Reports a part of a message that the API has no place for. */
export function leaveOut({ unsupported }: BlockTarget, { type }: Part, role: Message['role']): undefined {
  unsupported(`a part of type ${type} in a message of role ${role} cannot be sent, it is left out`);
}

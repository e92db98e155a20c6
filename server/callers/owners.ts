import type { Caller } from './caller.ts';

/** The owner of a caller's sessions and streams. Both parts are encoded, so that no two callers meet. */
export function ownerOfCaller({ id }: Caller, organization: string | undefined): string {
  const own = encodeURIComponent(id);
  return organization === undefined ? own : `${encodeURIComponent(organization)}/${own}`;
}

/** The way back: the caller of an owner, for a turn that goes on in another process. */
export function callerOfOwner(owner: string): Caller {
  const [first = '', second] = owner.split('/').map(decodeURIComponent);
  return second === undefined ? { id: first } : { id: second, organizations: [first] };
}

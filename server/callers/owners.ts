import type { Caller } from './caller.ts';

/** The owner of a caller's sessions and streams. Both parts are encoded, so that no two callers meet. */
export function ownerOfCaller({ id }: Caller, organization: string | undefined): string {
  const own = encodeURIComponent(id);
  return organization === undefined ? own : `${encodeURIComponent(organization)}/${own}`;
}

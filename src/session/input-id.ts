/** The id of the append with the caller's messages of a turn, for `store.turn()`: it is there as soon as the turn has begun, whatever became of it. */
export function inputIdOf(turnId: string): string {
  return `${turnId}.input`;
}

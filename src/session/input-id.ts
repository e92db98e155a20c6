/** The id of the append with the caller's messages of a turn, for `store.turn()`: it is there as soon as the turn has begun, whatever became of it. */
export function inputIdOf(turnId: string): string {
  return `${turnId}.input`;
}

/** The id of the append with the reply of a turn. Each try of a turn that is sent again stores its reply under an id of its own. `number`: which try it is, from 1. */
export function replyIdOf(turnId: string, number = 1): string {
  return number === 1 ? `${turnId}.reply` : `${turnId}.reply.${number}`;
}

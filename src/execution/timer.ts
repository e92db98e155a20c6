/** The longest wait of `setTimeout`, in milliseconds (2^31 - 1, about 24.8 days); a longer one fires at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** Runs a test again if it failed while a minute ended: counts of the minute began anew then. */
export function inOneMinute(body: () => Promise<void>): () => Promise<void> {
  return async () => {
    for (;;) {
      const before = minute();
      try {
        await body();
        return;
      } catch (error) {
        if (minute() === before) throw error;
      }
    }
  };
}

function minute(): number {
  return Math.floor(Date.now() / 60_000);
}

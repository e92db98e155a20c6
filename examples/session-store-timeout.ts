// A store that does not answer, like a database whose pool has no free connection. The turn fails in time and can be retried.
import { MemoryStore, Pipeline, isSluiceError, type SessionState } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

class StuckStore extends MemoryStore {
  stuck = true;

  override load(...call: Parameters<MemoryStore['load']>): Promise<SessionState | undefined> {
    return this.stuck ? new Promise(() => undefined) : super.load(...call);
  }
}

const store = new StuckStore();
await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store, storeTimeoutMs: 50 });
const ask = () => pipeline.executeWithContext('user-123', 'user', 'Hello', { turnId: 'turn-1' });

try {
  await ask();
} catch (error) {
  if (!isSluiceError(error)) throw error;
  console.log(`${error.code}, retryable ${error.retryable}: ${error.message}`);
}

store.stuck = false;
const { outcome } = await ask();
console.log(`tried again: ${outcome}, ${(await pipeline.store.load('user-123'))?.messages.length} messages`);

// How a service stops: running executions finish, new ones are refused.
import { Pipeline, isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { manualGate, scripted } from 'sluice/testing';

const held = manualGate();
const model = scripted([{ text: 'I was already talking.', gate: held.gate }]);
const pipeline = new Pipeline([provider(model)], { shutdownTimeoutMs: 5_000, own: true });

const running = pipeline.execute('user', 'Hello');
await model.nextCall();
const shutdown = pipeline.shutdown();

try {
  await pipeline.execute('user', 'Me too');
} catch (error) {
  if (isSluiceError(error)) console.log('refused:', error.code);
}

held.open();
console.log('finished:', (await running).response.content);
await shutdown;
console.log('providers closed:', model.closed);

// The forms of a middleware: a generator, a tap, an async function, and one that runs another middleware.
import { Pipeline, SluiceError, contextKey, isSluiceError, type Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

const Tenant = contextKey<string>('tenant');

/** Runs code before and after the call. */
const timed: Middleware = async function* timed(context, next) {
  const reply = yield* next();
  console.log(
    `${context.get(Tenant) ?? 'nobody'}: ${reply.finishReason}, ${reply.usage?.totalTokens ?? 0} tokens`,
  );
  return reply;
};

/** Looks at every chunk, and ends the execution on purpose. */
const short: Middleware = function short(context, next) {
  let characters = 0;
  return next().tap((chunk) => {
    if (chunk.type === 'content') characters += chunk.content.length;
    if (characters > 12) context.interrupt('long enough');
  });
};

/** Waits for something first. */
const permitted: Middleware = async function permitted(context, next) {
  if ((await Promise.resolve(context.get(Tenant))) === undefined)
    throw new SluiceError('permission', 'No tenant.');
  return next();
};

/** Runs another middleware: the second one if the first fails before its first chunk. */
const either = (first: Middleware, second: Middleware): Middleware =>
  async function either(context) {
    const stream = context.run(first);
    try {
      await stream.ready();
      return stream;
    } catch {
      return context.run(second);
    }
  };

const broken = provider(
  scripted([{ error: new SluiceError('server', 'Down.', { status: 500 }) }], { repeat: true }),
);
const working = provider(scripted('One two three four five six', { repeat: true }));
await using pipeline = new Pipeline([timed, permitted, short, either(broken, working)]);

const { outcome, reason, response } = await pipeline.execute('user', 'Count', {
  values: [Tenant.with('acme')],
});
console.log(outcome, '-', reason, '-', response.content);

try {
  await pipeline.execute('user', 'Count');
} catch (error) {
  if (isSluiceError(error)) console.log(error.code, '-', error.message);
}

// A user interface that takes text back. The first attempt breaks off after half of its text, and retry() makes another one.
import { Pipeline, SluiceError, isSluiceError } from 'sluice';
import { constant } from 'sluice/kit';
import { provider, retry } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

const lost = new SluiceError('network', 'The connection was lost.');
const open = () => {
  const model = scripted([
    { text: ['Paris is ', 'the cap'], error: lost },
    { text: ['The capital of France ', 'is Paris.'] },
  ]);
  return new Pipeline([
    retry({ afterContent: 'reset', backoff: constant(0) }),
    provider(model),
  ]).executeStream('user', 'Hi');
};

/** What is on the screen. */
let shown = '';
const show = (text: string): void => {
  shown = text;
  console.log('screen ', JSON.stringify(shown));
};

// A view of text: what is kept takes the place of what is shown.
for await (const piece of open().textStream({ onReset: ({ kept }) => show(kept) })) show(shown + piece);

// The same with handlers.
shown = '';
await open().handle({
  onContent: (text) => show(shown + text),
  onReset: ({ reason, kept }) => {
    console.log('reset  ', reason);
    show(kept.content);
  },
});

// A reader that cannot take text back, such as a plain HTTP response: the text ends with the error of the attempt.
try {
  for await (const piece of open().textStream()) console.log('sent   ', JSON.stringify(piece));
} catch (error) {
  if (isSluiceError(error)) console.log('failed ', error.code);
}

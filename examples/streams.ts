// The ways to read a stream.
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

const text = 'First line\nsecond line\r\n\nlast line';
await using pipeline = new Pipeline([provider(scripted(text, { repeat: true }))]);
const open = () => pipeline.executeStream('user', 'Go');

for await (const line of open().lines()) console.log('line   ', JSON.stringify(line));

for await (const chunk of open().throttle(50)) {
  if (chunk.type === 'content') console.log('joined ', chunk.index, JSON.stringify(chunk.content));
}

const [screen, archive] = open().tee(2, { overflow: 'block' });
const [shown, kept] = await Promise.all([screen.text(), archive.text()]);
console.log('tee    ', shown === kept);

await open().handle(
  {
    onProgress: ({ chunks, characters }) =>
      console.log('so far ', chunks, 'chunks,', characters, 'characters'),
    onComplete: ({ usage }) => console.log('tokens ', usage.totalTokens),
    onError: (error) => console.error(error.code),
  },
  { every: 4 },
);

let pieces = 0;
for await (const _chunk of open().toReadableStream()) pieces++;
console.log('web    ', pieces, 'chunks');

// Read with next() and close(): closing the stream before its end aborts everything below.
const stream = open();
const first = await stream.next();
console.log('first  ', first.done === true ? 'nothing' : first.value.type);
await stream.close('seen enough');
console.log('partial', JSON.stringify(stream.partial?.content));

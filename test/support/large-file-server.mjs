// Answers every HTTP request with so many MiB of fixed bytes: `large-file-server.mjs PORT MEBIBYTES`.
import { createServer } from 'node:http';
import { pipeline, Readable } from 'node:stream';

const [port, mebibytes] = process.argv.slice(2).map(Number);
const block = Buffer.alloc(1024 * 1024, (_, index) => index);
for (let index = 0; index < block.length; index++) block[index] = (index * 2_654_435_761) >>> 24;

function* blocks() {
  for (let sent = 0; sent < mebibytes; sent++) yield block;
}

createServer((_request, response) => pipeline(Readable.from(blocks()), response, () => {})).listen(
  port,
  '0.0.0.0',
  () => process.stdout.write('{"msg":"listening"}\n'),
);

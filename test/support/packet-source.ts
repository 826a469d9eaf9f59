// Sends datagrams from given addresses in turn, at a fixed pace, until it is killed:
//   node packet-source.ts DESTINATION PORT PERIOD_MS SOURCE[@SOURCE_PORT]...
// The payload is the source as given, so that the receiver can tell the streams apart.
import { createSocket } from 'node:dgram';

const [destination, port, periodMs, ...sources] = process.argv.slice(2) as [string, string, string, ...string[]];

for (const source of sources) {
  const [address, sourcePort] = source.split('@') as [string, string?];
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  // A refusal by the peer's kernel comes back as an error of the socket.
  socket.on('error', () => {});
  socket.bind(Number(sourcePort ?? 0), address, () => {
    setInterval(() => socket.send(source, Number(port), destination), Number(periodMs));
  });
}

// A service to protect or to reach: answers each UDP packet with its own bytes, on two ports, both families.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const ports = process.argv.slice(2).map(Number);
for (const port of ports) {
  for (const [type, address] of [
    ['udp4', '0.0.0.0'],
    ['udp6', '::'],
  ] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
    socket.bind(port, address);
    await once(socket, 'listening');
  }
}
process.stdout.write('{"msg":"listening"}\n');

// A backend of the lab: answers every HTTP request, and every UDP packet, with its own name, on IPv4 and IPv6.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';

const [name = '', port = ''] = process.argv.slice(2);
const server = createServer((_request, response) => response.end(name));
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '::');
await once(server, 'listening');
const socket = createSocket('udp6');
socket.on('message', (_bytes, from) => socket.send(name, from.port, from.address));
socket.bind(Number(port), '::');
await once(socket, 'listening');
process.stdout.write('{"msg":"listening"}\n');

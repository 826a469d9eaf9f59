import type { FlowExplanation, FlowQuestion } from '@higgins/agent';
import { CommandError, ExitCode, table } from '../../output.js';
import { endpoint } from './text.js';

/** An explanation for people: the answer first, then how it came about, then why the others are not it. */
export function explanationText(explanation: FlowExplanation): string {
  const { flow, service, slot, slotsTotal, member, address, port, because, others } = explanation;
  const from = endpoint(flow.sourceAddress, flow.sourcePort);
  const to = endpoint(flow.destinationAddress, flow.destinationPort);
  const lines = [`${flow.protocol} ${from} -> ${to}: ${because}`];
  if (service !== null) {
    lines.push(`  service ${service}: ${explanation.loadBalancer}/${explanation.listener} -> pool ${explanation.pool}`);
  }
  if (slot !== null) lines.push(`  slot ${slot} of ${slotsTotal}, ${explanation.algorithm}`);
  if (member !== null && address !== null && port !== null) lines.push(`  ${member} at ${endpoint(address, port)}`);
  if (others.length === 0) return lines.join('\n');
  const rows = others.map((other) => [other.member, other.address, other.because]);
  return `${lines.join('\n')}\n\n${table(['not', 'address', 'because'], rows)}`;
}

/**
 * The flow that two endpoints and a protocol name.
 *
 * @throws CommandError (usage) naming the argument, its value and what was expected
 */
export function parseFlow(protocol: string, source: string, destination: string, device?: string): FlowQuestion {
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    throw new CommandError(`protocol "${protocol}": expected tcp, udp or sctp`, ExitCode.usage);
  }
  const [sourceAddress, sourcePort] = parseEndpoint('source', source);
  const [destinationAddress, destinationPort] = parseEndpoint('destination', destination);
  const flow = { protocol, sourceAddress, sourcePort, destinationAddress, destinationPort } as const;
  return device === undefined ? flow : { ...flow, interface: device };
}

function parseEndpoint(argument: string, text: string): [string, number] {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || port > 65_535) {
    const expected = 'expected ADDRESS:PORT, such as 192.0.2.7:40000 or [2001:db8::7]:40000';
    throw new CommandError(`${argument} "${text}": ${expected}`, ExitCode.usage);
  }
  return [address, port];
}

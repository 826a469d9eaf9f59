import { checkWithParts, DEFAULTS } from '../../resources/defaults.js';
import type { ActiveCheck, Member } from '../../resources/model.js';
import { refusal } from '../../resources/problem.js';
import { CHECK_PART_FIELDS } from '../check-parts.js';
import { at, type Location, type Origins } from '../origins.js';
import type { LobbyHealthCheck, LobbyTarget, LobbyUpstream } from './schema.js';

/** Priority of a backup upstream: behind every other one. */
const BACKUP_PRIORITY = 1;

const MEMBER_FIELDS = {
  ...{ name: ['name'], host: ['host'], port: ['port'], weight: ['weight'], activeCheck: ['health_check'] },
  ...{ resolution: ['dns'], 'resolution.ttlMs': ['dns', 'ttl'] },
};

const CHECK_FIELDS = {
  ...{ type: ['protocol'], port: ['port'], ...CHECK_PART_FIELDS },
  intervalMs: ['probe', 'check_interval'],
  timeoutMs: ['probe', 'timeout'],
  rise: ['probe', 'success_count'],
  fall: ['probe', 'failure_count'],
};

/** The member that an upstream is. */
export function memberOf(
  upstream: LobbyUpstream,
  protocol: LobbyTarget['protocol'],
  place: Location,
  origins: Origins,
): Member {
  if (upstream.protocol !== undefined && upstream.protocol !== protocol) {
    origins.refuse(at(place, 'protocol'), refusal(upstream.protocol, `${protocol}, as the target has it, or nothing`));
  }
  const { health_check: check, dns } = upstream;
  const member: Member = {
    ...{ name: upstream.name, host: upstream.host, port: upstream.port, weight: upstream.weight },
    ...{ priority: upstream.backup ? BACKUP_PRIORITY : 0, admin: upstream.state },
    activeCheck: check && checkOf(check, protocol, at(place, 'health_check'), origins),
    resolution:
      dns === null
        ? DEFAULTS.lobby.member.resolution
        : { servers: dns.servers, ttlMs: dns.ttl === 0 ? null : dns.ttl * 1_000, members: dns.members },
  };
  return origins.place(member, place, MEMBER_FIELDS);
}

function checkOf(
  { probe, protocol, port, start_available: startAvailable, http, tls, udp }: LobbyHealthCheck,
  targetProtocol: LobbyTarget['protocol'],
  place: Location,
  origins: Origins,
): ActiveCheck {
  if (probe.timeout > probe.check_interval) {
    const expected = `at most the check_interval, ${probe.check_interval} seconds`;
    origins.refuse(at(place, 'probe', 'timeout'), refusal(probe.timeout, expected));
  }
  if (protocol === undefined && targetProtocol === 'sctp') {
    const expected = 'tcp, udp, http, https or tls: sctp itself is not checked';
    origins.refuse(at(place, 'protocol'), refusal(protocol, expected));
  }
  const check: ActiveCheck = checkWithParts({
    type: protocol ?? (targetProtocol === 'udp' ? 'udp' : 'tcp'),
    port: port ?? DEFAULTS.lobby.check.port,
    intervalMs: probe.check_interval * 1_000,
    timeoutMs: probe.timeout * 1_000,
    ...{ rise: probe.success_count, fall: probe.failure_count, startAvailable },
    ...{ http, tls: tls && { ...tls, serverName: null }, udp },
  });
  return origins.place(check, place, CHECK_FIELDS);
}

import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../resources/core-form.js';
import { refusals } from '../../resources/resources.fixture.js';
import { writeConfiguration } from '../../resources/write.js';
import { importHaproxy } from './haproxy.js';
import type { Imported } from './imported.js';
import { importIpvs } from './ipvs.js';
import { importNginx } from './nginx.js';

const text = (...lines: string[]) => lines.join('\n');
const omissions = ({ omitted }: Imported) =>
  omitted.map(({ line, text: words, reason }) => `${line} ${words}: ${reason}`);
function parts(imported: Imported) {
  const { listeners, pools } = imported.configuration.loadBalancers[0]!;
  return { listeners, pools, listener: listeners[0]!, pool: pools[0]! };
}
/** What is imported is a configuration of the core form, and nothing needs to be settled by hand. */
function expectUsable({ configuration, problems }: Imported) {
  expect(problems).toEqual([]);
  expect(readConfiguration(writeConfiguration(configuration)).configuration).toEqual(configuration);
}

describe('HAProxy', () => {
  const file = text(
    'global',
    '  maxconn 4096',
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 1m',
    '  timeout server 50s   # the shorter one holds',
    '  log global',
    'frontend "database"',
    '  bind 192.0.2.1:5432,[2001:db8::1]:5432 interface eth0',
    '  bind *:5433 ssl crt /etc/db.pem',
    '  maxconn 2000',
    '  default_backend db',
    'backend db',
    '  balance leastconn',
    '  stick-table type ip size 10k expire 30m',
    '  stick on src',
    '  timeout check 1s',
    '  default-server check inter 3s rise 4 maxconn 100',
    '  server db1 10.0.0.1:5432 weight 3',
    '  server db2 10.0.0.2 fall 1 port 5433',
    '  server db3 db3.example.org:5432 backup no-check send-proxy-v2',
    '  server db4 unix@/run/db.sock',
    'frontend www',
    '  mode http',
    '  bind :80',
    'backend unused',
    '  server x 10.9.9.9:1',
  );

  it('carries listeners, servers, checks, timeouts and stickiness over', () => {
    const imported = importHaproxy(file);
    const { listeners, pools, pool } = parts(imported);
    expectUsable(imported);
    expect(listeners.map(({ name, port, addresses, interfaces }) => [name, port, addresses, interfaces])).toEqual([
      ['database', 5432, ['192.0.2.1'], ['eth0']],
      ['database-2', 5432, ['2001:db8::1'], ['eth0']],
    ]);
    expect(listeners[0]).toMatchObject({
      ...{ protocol: 'tcp', clientAddress: 'translate', rules: [{ match: null, pool: 'db' }] },
      limits: { connections: 2_000, connectionsPerMember: 100 },
      timeouts: { connectMs: 5_000, idleMs: 50_000 },
    });
    expect(pools).toHaveLength(1);
    expect(pool).toMatchObject({
      ...{ name: 'db', algorithm: 'least-connections', whenNoneHealthy: 'reject' },
      affinity: { ttlMs: 1_800_000, entriesMax: 10_240 },
    });
    const check = { type: 'tcp', intervalMs: 3_000, timeoutMs: 1_000, rise: 4, startAvailable: true };
    expect(pool.members).toMatchObject([
      {
        name: 'db1',
        host: '10.0.0.1',
        port: 5432,
        weight: 3,
        priority: 0,
        activeCheck: { ...check, fall: 3, port: null },
      },
      { name: 'db2', host: '10.0.0.2', port: 5432, weight: 1, activeCheck: { ...check, fall: 1, port: 5433 } },
      { name: 'db3', host: 'db3.example.org', port: 5432, priority: 1, activeCheck: null },
    ]);
  });

  it('lists everything that has no counterpart, with its line', () => {
    expect(omissions(importHaproxy(file))).toEqual([
      '1 global: is no proxy: nothing of it is carried over',
      '8 log global: has no counterpart on this layer',
      '11 bind *:5433 ssl crt /etc/db.pem: ssl: connections are passed through unopened here',
      '22 send-proxy-v2: needs the proxy data path, which this version does not have',
      '23 server db4 unix@/run/db.sock: has no address or name with a port',
      '24 frontend www: has mode http: only tcp is known here',
      '27 unused: nothing leads to it',
    ]);
  });

  it('reads a listen section, checks by HTTP and TLS, and named defaults', () => {
    const imported = importHaproxy(
      text(
        'defaults base',
        '  timeout client 20s',
        'defaults other',
        '  timeout client 90s',
        'listen web from base',
        '  bind :8443',
        '  balance uri',
        '  option httpchk HEAD /ready',
        '  http-check expect status 200-204,301',
        '  source 0.0.0.0 usesrc clientip',
        '  acl local src 10.0.0.0/8',
        "  server 'a b' 10.0.0.1:443 check check-ssl verify none sni x.example.org slowstart 30s disabled",
      ),
    );
    const { listener, pool } = parts(imported);
    expectUsable(imported);
    expect(listener).toMatchObject({ port: 8443, addresses: [], clientAddress: 'keep', timeouts: { idleMs: 20_000 } });
    expect(pool).toMatchObject({ algorithm: 'round-robin', slowStartMs: 30_000 });
    expect(pool.members[0]).toMatchObject({
      ...{ name: 'a b', admin: 'disabled' },
      activeCheck: {
        ...{
          type: 'https',
          http: {
            method: 'HEAD',
            path: '/ready',
            statuses: [
              [200, 204],
              [301, 301],
            ],
          },
        },
        tls: { verify: false, serverName: 'x.example.org' },
      },
    });
    expect(omissions(imported)).toEqual([
      '7 balance uri: is not known here: round-robin stands in',
      '11 acl local src 10.0.0.0/8: has no counterpart on this layer',
    ]);
  });

  it('tells what a table by source cannot keep', () => {
    const table = (settings: string) => {
      const lines = ['listen a', ' bind :80', ` stick-table ${settings}`, ' stick on src', ' server s 10.0.0.1:80'];
      const imported = importHaproxy(text(...lines));
      return [parts(imported).pool.affinity?.ttlMs, parts(imported).pool.affinity?.entriesMax, ...omissions(imported)];
    };
    expect(table('type ip size 1m expire 1h')).toEqual([3_600_000, 1_048_576]);
    expect(table('type ip size 10')).toEqual([86_400_000, 10, '3 stick-table type ip size 10: is kept for a day']);
    expect(table('type string size 10 expire 1m')[2]).toMatch(/has no counterpart/);
    expect(table('type ip size 10 expire 1m peers p')[2]).toMatch(/has no counterpart/);
  });

  it('takes words for what they are, and not for what every object has', () => {
    for (const word of ['constructor', '__proto__', 'toString']) {
      const imported = importHaproxy(`listen a\n bind :80\n balance ${word}\n server s 10.0.0.1:80`);
      expect(omissions(imported)).toEqual([`3 balance ${word}: is not known here: round-robin stands in`]);
      const service = importIpvs(`-A -t 10.0.0.1:80 -s ${word}\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m`);
      expect(omissions(service)).toEqual([`1 -s ${word}: is not known here: maglev stands in`]);
    }
  });

  it('names what is to be settled by hand', () => {
    const { problems } = importHaproxy(
      'listen a\n bind :80\n server s 10.0.0.1:80\nlisten b\n bind :80\n server s 10.0.0.1:80',
    );
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('"tcp 80" is refused')]);
  });
});

describe('nginx', () => {
  const file = text(
    'worker_processes auto;',
    'stream {',
    '  proxy_timeout 10m;',
    '  log_format basic "$remote_addr;{}";',
    '  upstream db {',
    '    least_conn;',
    '    zone db 64k;',
    '    server 10.0.0.1:5432 weight=3 max_conns=50 max_fails=2 fail_timeout=30s;',
    '    server db2.example.org:5432 max_conns=50 max_fails=2 fail_timeout=30s backup;',
    '    server unix:/run/db.sock;',
    '  }',
    '  upstream sticky { hash $binary_remote_addr consistent; server 10.0.1.1:53; server 10.0.1.2:53 down; }',
    '  server {',
    '    listen 192.0.2.1:5432 so_keepalive=on;',
    '    listen [2001:db8::1]:5432;',
    '    proxy_connect_timeout 5s; proxy_timeout 1h; # its own',
    '    deny 10.0.0.5; allow 10.0.0.0/8; deny all;',
    '    proxy_pass db;',
    '  }',
    '  server { listen 53 udp reuseport; proxy_pass sticky; proxy_bind $remote_addr transparent; }',
    '  server { listen 8000; proxy_pass 10.0.2.1:8001; proxy_protocol on; }',
    '  server { listen 443 ssl; proxy_pass db; }',
    '  server { listen 81; proxy_pass $name; }',
    '}',
  );

  it('carries servers, upstreams, passive checks, limits, access and timeouts over', () => {
    const imported = importNginx(file);
    const { listeners, pools } = parts(imported);
    expectUsable(imported);
    expect(listeners.map(({ name, rules }) => [name, rules[0]?.pool])).toEqual([
      ['tcp/192.0.2.1:5432', 'db'],
      ['tcp/[2001:db8::1]:5432', 'db'],
      ['udp/53', 'sticky'],
      ['tcp/8000', '10.0.2.1:8001'],
    ]);
    expect(listeners[0]).toMatchObject({
      ...{ addresses: ['192.0.2.1'], clientAddress: 'translate', limits: { connectionsPerMember: 50 } },
      timeouts: { connectMs: 5_000, idleMs: 3_600_000 },
      allow: { kind: 'inline', prefixes: ['10.0.0.0/8'] },
      block: { kind: 'inline', prefixes: ['10.0.0.5'] },
    });
    expect(listeners[2]).toMatchObject({
      protocol: 'udp',
      port: 53,
      clientAddress: 'keep',
      timeouts: { idleMs: 600_000 },
    });
    expect(pools.map(({ algorithm }) => algorithm)).toEqual(['least-connections', 'source-hash', 'round-robin']);
    expect(pools[0]?.passiveCheck).toMatchObject({
      consecutiveFailures: 2,
      ejectionMs: 30_000,
      maxEjectionPercent: 100,
    });
    expect(pools.flatMap(({ members }) => members)).toMatchObject([
      { name: '10.0.0.1:5432', weight: 3, priority: 0 },
      { name: 'db2.example.org:5432', host: 'db2.example.org', priority: 1, resolution: { members: 'all' } },
      { host: '10.0.1.1', admin: 'enabled' },
      { host: '10.0.1.2', admin: 'disabled' },
      { host: '10.0.2.1', port: 8001 },
    ]);
  });

  it('lists everything that has no counterpart, with its line', () => {
    expect(omissions(importNginx(file))).toEqual([
      '1 worker_processes auto: is outside of the stream block',
      '4 log_format basic $remote_addr;{}: has no counterpart on this layer',
      '10 server unix:/run/db.sock: is no address or name with a port',
      '14 so_keepalive=on: has no counterpart on this layer',
      '20 reuseport: has no counterpart on this layer',
      '21 proxy_protocol on: needs the proxy data path, which this version does not have',
      '22 listen 443 ssl: ends TLS, and connections are passed through unopened here',
      '23 proxy_pass $name: has no counterpart on this layer',
      '23 server: has no proxy_pass that is known when the file is read',
    ]);
  });

  it('reads the contents of a stream block alone, and refuses what is no syntax of nginx', () => {
    expect(parts(importNginx('server { listen 80; proxy_pass 10.0.0.1:80; }')).listener.port).toBe(80);
    for (const broken of ['server {', 'server { listen 80 }', '}', 'listen 80', ';', '{}', 'a{'.repeat(100)]) {
      expect(refusals(() => importNginx(broken))).toEqual([
        expect.stringMatching(/^line 1: .*expected nginx's syntax$/),
      ]);
    }
  });

  it('does not turn an order of access rules into lists that mean something else', () => {
    const imported = importNginx('server { listen 80; proxy_pass 10.0.0.1:80; allow 10.0.0.1; deny 10.0.0.0/8; }');
    expect(parts(imported).listener).toMatchObject({ allow: null, block: null });
    expect(omissions(imported)).toHaveLength(2);
  });
});

describe('IPVS', () => {
  const file = text(
    '-A -t 192.0.2.1:80 -s wrr -p 600 -M 255.255.255.0',
    '-a -t 192.0.2.1:80 -r 10.0.0.1:8080 -m -w 3 -x 100 -y 80',
    '-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 0 -x 100',
    '-A -u 192.0.2.1:53 -s mh -b mh-port',
    '-a -u 192.0.2.1:53 -r 10.0.0.3:53 -g -w 1',
    '-A -t [2001:db8::1]:443 -s wlc',
    '-a -t [2001:db8::1]:443 -r [fd00::1]:443 -g -w 2',
    '-a -t [2001:db8::1]:443 -r [fd00::2]:443 -i -w 1',
    '-A -f 7 -s rr',
    '-A --sctp-service 192.0.2.1:3868 -s lblc',
    '-a --sctp-service 192.0.2.1:3868 -r 10.0.0.4:3868 -m -w 1',
  );

  it('carries services, servers, persistence and thresholds over', () => {
    const imported = importIpvs(file);
    const { listeners, pools } = parts(imported);
    expectUsable(imported);
    expect(
      listeners.map(({ name, protocol, port, addresses, dataPath }) => [name, protocol, port, addresses, dataPath]),
    ).toEqual([
      ['tcp/192.0.2.1:80', 'tcp', 80, ['192.0.2.1'], 'nat'],
      ['udp/192.0.2.1:53', 'udp', 53, ['192.0.2.1'], 'dsr-l2'],
      ['tcp/[2001:db8::1]:443', 'tcp', 443, ['2001:db8::1'], 'dsr-l2'],
      ['sctp/192.0.2.1:3868', 'sctp', 3868, ['192.0.2.1'], 'nat'],
    ]);
    expect(listeners[0]).toMatchObject({ clientAddress: 'keep', limits: { connectionsPerMember: 100 } });
    expect(pools.map(({ algorithm }) => algorithm)).toEqual([
      'weighted-round-robin',
      'maglev',
      'weighted-round-robin',
      'maglev',
    ]);
    expect(pools[0]?.affinity).toEqual({
      ...{ key: { fields: ['source-address'], sourcePrefixLength: { ipv4: 24, ipv6: 128 } } },
      ...{ ttlMs: 600_000, entriesMax: 65_536 },
    });
    expect(pools[0]?.members).toMatchObject([
      { name: '10.0.0.1:8080', host: '10.0.0.1', port: 8080, weight: 3 },
      { name: '10.0.0.2:8080', weight: 0 },
    ]);
    expect(pools[2]?.members).toMatchObject([{ host: 'fd00::1', port: 443, weight: 2 }]);
  });

  it('lists everything that has no counterpart, with its line', () => {
    expect(omissions(importIpvs(file))).toEqual([
      '2 -y 80: has no counterpart',
      '6 -s wlc: needs tracked connections, which direct routing has not: weighted turns stand in',
      '8 [fd00::2]:443: is reached through an IPIP tunnel, which is not known here',
      '9 -A -f 7 -s rr: is a service by firewall mark: only address and port are matched',
      '10 -s lblc: is not known here: maglev stands in',
    ]);
    expect(omissions(importIpvs('-a -t 1.2.3.4:5 -r 10.0.0.1:5 -m\n-D -t 1.2.3.4:5\n# note\n'))).toEqual([
      '1 -a -t 1.2.3.4:5 -r 10.0.0.1:5 -m: is a server of a service that is not there',
      '2 -D -t 1.2.3.4:5: is neither a service nor a server',
    ]);
  });
});

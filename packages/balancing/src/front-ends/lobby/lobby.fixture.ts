/** Settings of a check that holds all rules. */
export const probe = { check_interval: 10, timeout: 2, success_count: 3 };

/** A small file that holds all rules: a target of three upstreams and one of another protocol. */
export function lobbyDocument() {
  const upstreams = [
    { name: 'u1', host: '10.0.0.1', port: 8083 },
    {
      name: 'u2',
      host: '10.0.0.2',
      port: 80,
      health_check: { protocol: 'tcp', port: 443, start_available: true, probe },
    },
    { name: 'u3', host: 'u3.example.org', port: 80, dns: { servers: ['192.0.2.53'], ttl: 300 } },
  ];
  const spare = { name: 'u4', host: '10.0.0.4', port: 53 };
  return {
    lb: [
      {
        engine: 'nftables',
        targets: [
          {
            name: 'web',
            protocol: 'tcp',
            port: 8082,
            upstream_group: { name: 'web-group', distribution: 'round-robin', upstreams },
          },
          {
            name: 'dns',
            protocol: 'udp',
            port: 53,
            upstream_group: { name: 'dns-group', distribution: 'round-robin', upstreams: [spare] },
          },
        ],
      },
    ],
  };
}

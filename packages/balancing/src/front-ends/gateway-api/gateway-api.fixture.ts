const GROUP = 'gateway.networking.k8s.io';

/** The specification's three documents as data: a Gateway, a TCPRoute and an L4LoadBalancerPolicy. */
export function specificationExample() {
  const metadata = (name: string) => ({ name, namespace: 'acme-corp' });
  return [
    {
      apiVersion: `${GROUP}/v1alpha2`,
      kind: 'Gateway',
      metadata: metadata('acme-l4-gw'),
      spec: {
        gatewayClassName: 'datum-cilium',
        listeners: [{ name: 'tcp-443', protocol: 'TCP', port: 443 }],
      },
    },
    {
      apiVersion: `${GROUP}/v1alpha2`,
      kind: 'TCPRoute',
      metadata: metadata('acme-backends'),
      spec: {
        parentRefs: [{ name: 'acme-l4-gw' }],
        rules: [
          {
            backendRefs: [
              { name: 'compute-workload-a', port: 8080, weight: 70 },
              { name: 'compute-workload-b', port: 8080, weight: 30 },
            ],
          },
        ],
      },
    },
    {
      apiVersion: 'networking.datum.net/v1alpha',
      kind: 'L4LoadBalancerPolicy',
      metadata: metadata('acme-l4-policy'),
      spec: {
        targetRef: { group: GROUP, kind: 'Gateway', name: 'acme-l4-gw' },
        algorithm: 'least-connections',
        sessionPersistence: { enabled: true, type: 'source-ip' },
        activeHealthCheck: { protocol: 'TCP', interval: '10s', timeout: '5s' },
        passiveHealthCheck: { consecutiveFailures: 3, ejectionDuration: '30s', maxEjectionPercent: 50 },
        connectionLimits: { maxConnectionsPerBackend: 10_000, connectionRateLimit: 1_000 },
        proxyProtocol: { enabled: false, version: 'v2' },
        timeouts: { connect: '5s', idle: '300s' },
      },
    },
  ];
}

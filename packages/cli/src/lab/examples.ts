import { fileURLToPath } from 'node:url';

/** A file of `examples/lb` and the surroundings that it expects. */
export interface Example {
  readonly file: string;
  /** Where clients connect; null: the balancer's own address on the client's side. */
  readonly address: string | null;
  readonly port: number;
  /** Backends by the name of their member; each gets a host of its own, the first at 10.77.1.2. */
  readonly members: readonly ExampleMember[];
  /** A text of the file and what the reload puts in its place. */
  readonly change: readonly [find: string, replace: string];
}

export interface ExampleMember {
  /** What the backend answers. */
  readonly name: string;
  /** What the balancer calls it. */
  readonly member: string;
  /** Its host in the file, where that is a name; null: an address of the lab. */
  readonly host: string | null;
  readonly port: number;
}

export type ExampleName = 'lab' | 'gateway-api';

export const EXAMPLES: Readonly<Record<ExampleName, Example>> = {
  lab: {
    file: fileOf('lab.yaml'),
    address: '10.9.9.9',
    port: 80,
    members: ['red', 'green', 'blue'].map((name) => ({ name, member: name, host: null, port: 8080 })),
    change: ['name: green, host: 10.77.2.2, port: 8080', 'name: green, host: 10.77.2.2, port: 8080, weight: 3'],
  },
  // The workloads are names there: the lab resolves them through its hosts file.
  'gateway-api': {
    file: fileOf('gateway-api.yaml'),
    address: null,
    port: 443,
    members: ['compute-workload-a', 'compute-workload-b'].map((name) => ({
      name,
      member: `${name}:8080`,
      host: `${name}.acme-corp`,
      port: 8080,
    })),
    change: ['weight: 30', 'weight: 60'],
  },
};

function fileOf(name: string): string {
  return fileURLToPath(new URL(`../../../../examples/lb/${name}`, import.meta.url));
}

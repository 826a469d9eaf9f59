import { importHaproxy } from './haproxy.js';
import type { Imported } from './imported.js';
import { importIpvs } from './ipvs.js';
import { importNginx } from './nginx.js';

/** What configurations are imported from: `mode tcp` of HAProxy, `stream` of nginx, and `ipvsadm -S -n`. */
export const IMPORTERS: Readonly<Record<'haproxy' | 'nginx' | 'ipvs', (text: string) => Imported>> = {
  haproxy: importHaproxy,
  nginx: importNginx,
  ipvs: importIpvs,
};

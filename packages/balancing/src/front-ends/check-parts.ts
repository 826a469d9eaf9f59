import { z } from 'zod';
import { bytesSchema } from '../resources/core-form-check.js';
import type { HttpCheck, TlsCheck, UdpCheck } from '../resources/model.js';
import { textLike } from '../resources/shape.js';

/** A status code, or a range of them as text: `200`, `"200-299"`. */
const statusSchema = z
  .union([z.number(), textLike(/^\d{3}-\d{3}$/, 'a status code, or a range such as "200-299"')])
  .transform((status): [number, number] => {
    const [from, to = from] = String(status).split('-').map(Number);
    return [from!, to!];
  });

/** What HTTP, TLS and UDP checks have beyond the rest, alike in all forms that people write. */
export const checkPartsShape = {
  http: z
    .strictObject({
      method: z.enum(['GET', 'HEAD']).default('GET'),
      path: z.string().default('/'),
      host: z.string().nullable().default(null),
      statuses: z.array(statusSchema).default([[200, 399]]),
    })
    .nullable()
    .default(null),
  tls: z
    .strictObject({ verify: z.boolean().default(true) })
    .nullable()
    .default(null),
  udp: z
    .strictObject({ payload: bytesSchema, expect: bytesSchema.nullable().default(null) })
    .nullable()
    .default(null),
};

/** The parts as the model has them. */
export interface CheckParts {
  readonly http: HttpCheck | null;
  readonly tls: TlsCheck | null;
  readonly udp: UdpCheck | null;
}

/** Names of the parts for `Origins`: the same as in the model. */
export const CHECK_PART_FIELDS = { http: ['http'], tls: ['tls'], udp: ['udp'] };

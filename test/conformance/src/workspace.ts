import { fileURLToPath } from 'node:url';

/** The root of the workspace that this package is part of. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The page that is made from the rows, from the root. */
export const PAGE = 'docs/conformance.md';

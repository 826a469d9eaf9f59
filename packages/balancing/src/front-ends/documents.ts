import { readConfiguration } from '../resources/core-form.js';
import type { FrontEnd } from '../resources/model.js';
import { ResourceError, refusal } from '../resources/problem.js';
import type { Translation } from '../resources/validate.js';
import { type GatewayOptions, readGatewayApi } from './gateway-api/read.js';
import { readLobby } from './lobby/read.js';

/** What tells the forms apart: a key at the root of the first document. */
const ROOT_KEYS: Readonly<Record<string, FrontEnd>> = { lb: 'lobby', loadBalancers: 'core', apiVersion: 'gateway-api' };

/** The form that the documents of one source are written in; null if it is none that is known. */
export function frontEndOf(documents: readonly unknown[]): FrontEnd | null {
  const [first] = documents;
  if (typeof first !== 'object' || first === null) return null;
  const key = Object.keys(ROOT_KEYS).find((candidate) => Object.hasOwn(first, candidate));
  return key === undefined ? null : ROOT_KEYS[key]!;
}

/**
 * Reads the documents of one source in whatever form they are written.
 *
 * @throws ResourceError with everything that is wrong.
 */
export function readDocuments(documents: readonly unknown[], options: GatewayOptions = {}): Translation {
  const frontEnd = frontEndOf(documents);
  if (frontEnd === null) {
    const message = refusal(documents[0], `a map with one of ${Object.keys(ROOT_KEYS).join(', ')}`);
    throw new ResourceError([{ document: 0, path: [], message }]);
  }
  if (frontEnd === 'gateway-api') return readGatewayApi(documents, options);
  if (documents.length > 1) {
    throw new ResourceError([{ document: 1, path: [], message: refusal(documents[1], 'the end of the file') }]);
  }
  return frontEnd === 'lobby' ? readLobby(documents[0], options) : readConfiguration(documents[0], options);
}

import { fileURLToPath } from 'node:url';

// A bare MOQT client and the runner's cases, for tests against programs that others wrote.
export { createAuthority, type IssuedIdentity, issueIdentity } from './certificates/authority.js';
export { type CaseContext, type InteropCase, interopCases } from './commands/interop/cases.js';
export { CaseFailure } from './commands/interop/failure.js';
export { InteropPeer, type InteropPeerOptions } from './commands/interop/peer.js';
export { type CaseReport, type RunOptions, runCase } from './commands/interop/run.js';
// Hosts in namespaces of their own, for measurements in the same kind of network as the demo's.
export { type IsolatedHost, IsolatedNetwork } from './isolated/network.js';
export { Program } from './isolated/program.js';
export { deadlinesOfAgent } from './local-state.js';
export { preciseWallMs } from './wall-clock.js';

/** The program that answers UDP packets on the ports that are its arguments. */
export const ECHO_PROGRAM: string = fileURLToPath(new URL('./isolated/echo.js', import.meta.url));

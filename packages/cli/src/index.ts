import { fileURLToPath } from 'node:url';

// What the demo is made of, for measurements in the same kind of network.
export { DemoNetwork, type PopNetwork } from './demo/network.js';
export { deadlinesOfAgent } from './local-state.js';
export { preciseWallMs } from './wall-clock.js';

/** The program that answers UDP packets on the ports that are its arguments. */
export const ECHO_PROGRAM: string = fileURLToPath(new URL('./demo/echo.js', import.meta.url));

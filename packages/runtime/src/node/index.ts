export { BootClock, type BootClockSources } from './boot-clock.js';
export { NodeDisk } from './disk.js';
export { NodeRuntime, type NodeRuntimeOptions } from './runtime.js';

export type { Disk, Runtime } from './runtime.js';

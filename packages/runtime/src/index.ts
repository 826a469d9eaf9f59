export { assertDiskName, DiskError, type DiskErrorCode } from './disk-name.js';
export { type HeapItem, IndexedHeap } from './indexed-heap.js';
export type { Disk, Runtime } from './runtime.js';
export { VirtualDisk, type VirtualDiskSnapshot } from './virtual/disk.js';
export { VirtualMachine, type VirtualMachineOptions } from './virtual/machine.js';
export { RandomStream } from './virtual/random-stream.js';
export { type ProcessState, VirtualRuntime } from './virtual/runtime.js';
export { TraceHash } from './virtual/trace-hash.js';
export { type VirtualEvent, VirtualWorld, type VirtualWorldOptions } from './virtual/world.js';

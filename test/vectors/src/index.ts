export * from './codecs.js';
export * from './manifest.js';
export * from './places.js';
export * from './plain.js';

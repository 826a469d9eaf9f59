export * from '../frame/random.js';
export * from './data.js';
export * from './messages.js';
export * from './mutate.js';
export * from './values.js';

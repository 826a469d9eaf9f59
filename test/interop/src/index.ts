export * from './oracle/data.js';
export * from './oracle/messages.js';
export * from './oracle/values.js';

export * from './model/location.js';
export * from './model/names.js';
export * from './model/vi64.js';
export * from './session/contract.js';

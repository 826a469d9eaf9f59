export * from './breaking.js';
export * from './page.js';
export * from './reports.js';
export * from './row.js';
export * from './sections.js';
export * from './table.js';
export * from './verdict.js';

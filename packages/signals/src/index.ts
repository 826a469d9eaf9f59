export type { ContentFormat, ExpiryMode, Shape, Signal } from './signal.js';

export { BalancingError, type BalancingErrorCode } from './errors.js';

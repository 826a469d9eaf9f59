export {
  BUILT_IN_CHECK_TYPES,
  type CheckProbe,
  CheckTypeError,
  type CheckTypeErrorCode,
  CheckTypes,
} from './check-types.js';
export { NetworkChecker, type NetworkCheckerOptions } from './network-checker.js';

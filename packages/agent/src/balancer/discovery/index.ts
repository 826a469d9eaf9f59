export { EndpointFiles, type EndpointObserver } from './endpoint-files.js';

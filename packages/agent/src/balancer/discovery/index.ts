export { EndpointFiles, type EndpointObserver } from './endpoint-files.js';
export { EndpointSource, type EndpointSourceOptions } from './endpoint-source.js';

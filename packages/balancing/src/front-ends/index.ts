export { frontEndOf, readDocuments } from './documents.js';

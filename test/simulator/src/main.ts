import { simulateCommand } from './command/simulate.js';

await simulateCommand().parseAsync();

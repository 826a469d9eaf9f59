// Preloaded by a worker that runs a mutant: changes built modules as they are loaded. Nothing is written anywhere.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { mutants } from '../mutants/index.js';
import { mutate } from '../mutants/mutant.js';

const name = process.env['HIGGINS_MUTANT'];
const mutant = mutants.find(({ id }) => id === name);
if (mutant === undefined) throw new Error(`no mutant is named ${name}`);
const root = new URL('../../../../', import.meta.url);
const changed = new Map(mutant.edits.map(({ module }) => [new URL(module, root).href, module]));
registerHooks({
  load(url, context, nextLoad) {
    const module = changed.get(url);
    if (module === undefined) return nextLoad(url, context);
    const source = mutate(readFileSync(fileURLToPath(url), 'utf8'), module, mutant);
    return { format: 'module', source, shortCircuit: true };
  },
});

#!/usr/bin/env node
// What `npx sluice` starts.
import { run } from './program.js';

void run(process.argv.slice(2));

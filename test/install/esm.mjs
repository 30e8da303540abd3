import * as sluice from 'sluice';
import exercises from './exercise.cjs';

await exercises.exercise(sluice);

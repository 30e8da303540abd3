const sluice = require('sluice');
const { exercise } = require('./exercise.cjs');

exercise(sluice);

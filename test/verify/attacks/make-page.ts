import { writeFileSync } from 'node:fs';
import { attackClasses } from './index.ts';
import { judgeAll } from './judging.ts';
import { attacksPage, judgeVersions, pagePath } from './page.ts';

const classes = await attackClasses();
writeFileSync(pagePath, attacksPage(classes, await judgeAll(classes.flatMap(({ attacks }) => attacks)), judgeVersions()));

/** The foreign programs that judge what we make, each called in one way. */
export { complaints, dss, type DssAnswer, type DssQuestion } from './judges/dss.ts';
export { opensslCms, opensslTs, type Judgement, type OpensslTrust } from './judges/openssl.ts';
export { pdfsig, pyhanko, qpdfCheck, type PdfsigAnswer, type PyhankoAnswer } from './judges/pdf.ts';
export { runProgram, type ProgramOptions } from './judges/program.ts';

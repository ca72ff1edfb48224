import { join } from 'node:path';
import { oracleHome, venv } from '../tools.ts';
import { runProgram } from './program.ts';

/** What lxml says about an RFC 6283 record. */
export interface XmlJudgement {
  /** Against the schema of RFC 6283, which EU DSS brings along. */
  readonly valid: boolean;
  readonly errors: string;
  /** Canonical XML 1.0 of the whole, of each TimeStamp, and of the ArchiveTimeStampSequence with its first chain, its first two … */
  readonly canonical: string;
  readonly timeStamps: readonly string[];
  readonly sequences: readonly string[];
}

/** Asks lxml (libxml2 as Python has it) about an RFC 6283 record. */
export async function judgeXml(record: Buffer): Promise<XmlJudgement> {
  const program = new URL('judge_xml.py', import.meta.url).pathname;
  const { stdout } = await runProgram(`${venv}/bin/python`, [program, join(oracleHome, 'target/lib')], { input: record });
  return JSON.parse(stdout.toString()) as XmlJudgement;
}

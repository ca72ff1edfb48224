import type { Config } from '../model/config.ts';
import type { ArchiveCheck } from './archive-check.ts';
import type { Finding } from './check/check.ts';
import type { CloseResult } from './archive-close.ts';
import type { DueReport } from './archive-due.ts';
import type { RenewArgs, RenewResult } from './archive-renew.ts';
import type { ExportArgs, ExportResult } from './archive-export.ts';
import type { FindArgs, FoundObject } from './archive-find.ts';
import type { AuditShowArgs, AuditVerification, AuditView } from './audit.ts';
import type { BatchAnswer } from './batch-actions.ts';
import type { BatchDetails, BatchListArgs, BatchShowArgs } from './batches.ts';
import type { ActivateArgs } from './key-activation.ts';
import type { ImportArgs, ImportView } from './key-import.ts';
import type { GenerateArgs, NewKeyView } from './key-management.ts';
import type { RequestArgs, RequestView } from './key-request.ts';
import type { StackArgs, StackView } from './key-stack.ts';
import type { KeyView } from './keys.ts';
import type { PeriodReport } from './report.ts';
import type { KeyTest } from './key-test.ts';
import type { SignArgs, SignResult } from './sign.ts';
import type { StatusReport } from './status.ts';
import type { BatchView } from './views.ts';

/** Everything that CLI and API may ask for by name: arguments and result are plain data, since they cross the control socket. */
export interface Operations {
  readonly check: {
    readonly args: { readonly sign: boolean; readonly notify: boolean; readonly file: Config };
    readonly result: Finding[];
  };
  readonly status: { readonly args: { readonly probe?: boolean }; readonly result: StatusReport };
  readonly 'batch.list': { readonly args: BatchListArgs; readonly result: BatchView[] };
  readonly 'batch.show': { readonly args: BatchShowArgs; readonly result: BatchDetails };
  readonly 'batch.retry': { readonly args: { readonly id: string; readonly again: boolean }; readonly result: BatchAnswer };
  readonly 'batch.cancel': { readonly args: { readonly id: string }; readonly result: BatchAnswer };
  readonly 'batch.approve': { readonly args: { readonly root: string; readonly path: string }; readonly result: BatchAnswer };
  readonly 'archive.close': { readonly args: object; readonly result: CloseResult };
  readonly 'archive.due': { readonly args: object; readonly result: DueReport };
  readonly 'archive.renew': { readonly args: RenewArgs; readonly result: RenewResult };
  readonly 'archive.check': { readonly args: { readonly resume?: boolean }; readonly result: ArchiveCheck };
  readonly 'archive.export': { readonly args: ExportArgs; readonly result: ExportResult };
  readonly 'archive.find': { readonly args: FindArgs; readonly result: FoundObject[] };
  readonly 'key.list': { readonly args: object; readonly result: KeyView[] };
  readonly 'key.stack': { readonly args: StackArgs; readonly result: StackView };
  readonly 'key.activate': { readonly args: ActivateArgs; readonly result: KeyView };
  readonly 'key.deactivate': { readonly args: { readonly name: string }; readonly result: KeyView };
  readonly 'key.generate': { readonly args: GenerateArgs; readonly result: NewKeyView };
  readonly 'key.csr': { readonly args: RequestArgs; readonly result: RequestView };
  readonly 'key.import': { readonly args: ImportArgs; readonly result: ImportView };
  readonly 'key.test': { readonly args: { readonly name: string }; readonly result: KeyTest };
  readonly report: { readonly args: { readonly from?: string; readonly to?: string }; readonly result: PeriodReport };
  readonly 'audit.show': { readonly args: AuditShowArgs; readonly result: AuditView[] };
  readonly 'audit.verify': { readonly args: object; readonly result: AuditVerification };
  readonly sign: { readonly args: SignArgs; readonly result: SignResult };
}

export type OperationName = keyof Operations;

/**
 * `act`: changes something, so it runs in the daemon, or here with the data directory's lock while no daemon runs. `live`: asks the daemon, which
 * knows more, or reads the database. `read`: only reads, beside the daemon.
 */
export type OperationMode = 'act' | 'live' | 'read';

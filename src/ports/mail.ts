/** A mail server and how it is talked to. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly security: 'starttls' | 'tls' | 'none';
  /** PEM, instead of the system's authorities. */
  readonly ca?: Buffer;
  /** The password stays the caller's, who zeroes it. */
  readonly credentials?: { readonly user: string; readonly password: Buffer };
  /** ms for each step. */
  readonly timeout: number;
}

export interface MailMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Message-ID without brackets: the same in every attempt. */
  readonly id: string;
}

/**
 * SMTP client (RFC 5321). One connection a call, no retry. Errors: `SEAL-NOTIFY`, `retryable: false` where the server refused for good; the
 * signal's reason when aborted.
 */
export interface Mail {
  send(server: MailServer, message: MailMessage, signal: AbortSignal): Promise<void>;
  /** Connects, secures, logs in, and leaves. */
  verify(server: MailServer, signal: AbortSignal): Promise<void>;
}

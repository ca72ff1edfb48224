/** Where a secret lies. Exactly one; a file that others can read is refused. Read when needed, as a Buffer, never kept in here. */
export type SecretReference =
  | { readonly file: string }
  | { readonly env: string }
  /** Name below $CREDENTIALS_DIRECTORY (systemd LoadCredential=). */
  | { readonly credential: string };

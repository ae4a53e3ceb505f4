/** What one check found; whatever is not ok comes with one thing to do. */
export type Finding = { readonly check: string; readonly message: string } & (
  | { readonly status: 'ok' | 'skipped' }
  | { readonly status: 'warning' | 'failed'; readonly fix: string }
)

export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message }
}

export function skipped(check: string, message: string): Finding {
  return { check, status: 'skipped', message }
}

export function warning(check: string, message: string, fix: string): Finding {
  return { check, status: 'warning', message, fix }
}

export function failed(check: string, message: string, fix: string): Finding {
  return { check, status: 'failed', message, fix }
}

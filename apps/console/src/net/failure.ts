import type { ErrorCode, WireError } from '../protocol'

/** Why a command or a request was not done. */
export class Failure extends Error {
  /** `OFFLINE`: it did not get there, or its answer did not get back. */
  readonly code: ErrorCode | 'OFFLINE'
  readonly details: unknown
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode | 'OFFLINE', message: string, more: Partial<WireError> = {}) {
    super(message)
    this.name = 'Failure'
    this.code = code
    this.details = more.details
    this.retryAfterMs = more.retryAfterMs
  }

  static of(error: WireError): Failure {
    return new Failure(error.code, error.message, error)
  }

  /** What may succeed later, as it is. */
  get isPassing(): boolean {
    return ['OFFLINE', 'REMOTE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'SERVER_STOPPING', 'RATE_LIMITED'].includes(
      this.code,
    )
  }
}

/** The words for people, whatever was thrown. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

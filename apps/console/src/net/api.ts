import type { WireError } from '../protocol'
import { Failure } from './failure'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Told when the controller does not let us in any more. */
let onUnauthorized = (): void => {}

export function whenUnauthorized(listener: () => void): void {
  onUnauthorized = listener
}

/**
 * A request to the controller's REST interface, such as `api('GET', '/clients')`. The session's cookie goes along by itself.
 * Throws a {@link Failure}.
 */
export async function api<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', cache: 'no-store' }
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  let response: Response
  try {
    response = await fetch(`/api${path}`, init)
  } catch {
    throw new Failure('OFFLINE', 'The controller cannot be reached')
  }
  if (response.status === 204) return undefined as T
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.ok) return answer as T
  if (response.status === 401 && path !== '/session') onUnauthorized()
  const error = (answer as { error?: WireError } | undefined)?.error
  throw error ? Failure.of(error) : new Failure('INTERNAL', `The controller answered ${response.status}`)
}

/** A part of a path, whatever it has in it. */
export const part = encodeURIComponent

import type { Timestamp } from '../protocol'
import type { Kind } from './notices'

/** A browser that the controller pushes to, as it tells. */
export interface Subscription {
  id: string
  label: string
  kinds: Kind[]
  /** Whether what was said is left out. */
  private: boolean
  createdAt: Timestamp
  lastDeliveredAt?: Timestamp
  lastError?: string
}

/** What the push service said to a test. */
export interface Tested {
  delivered: boolean
  message: string
}

/** Why nothing can be pushed to this browser. */
export type Obstacle = 'insecure' | 'unsupported' | 'denied'

export function obstacle(browser: {
  isSecure: boolean
  hasWorker: boolean
  hasPush: boolean
  permission: NotificationPermission | undefined
}): Obstacle | undefined {
  if (!browser.isSecure) return 'insecure'
  if (!browser.hasWorker || !browser.hasPush || browser.permission === undefined) return 'unsupported'
  return browser.permission === 'denied' ? 'denied' : undefined
}

/** The bytes of a key, as the browser wants them. */
export function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (char) => char.charCodeAt(0))
}

export function isSameKey(a: ArrayBuffer | null | undefined, b: Uint8Array): boolean {
  if (!a || a.byteLength !== b.length) return false
  return new Uint8Array(a).every((byte, at) => byte === b[at])
}

/** What this browser is called in the list, by what it says of itself. */
export function labelOf(userAgent: string): string {
  const browsers: Array<[RegExp, string]> = [
    [/Edg\//, 'Edge'],
    [/Firefox\//, 'Firefox'],
    [/Chrome\//, 'Chrome'],
    [/Safari\//, 'Safari'],
  ]
  const systems: Array<[RegExp, string]> = [
    [/Android/, 'Android'],
    [/iPhone|iPad/, 'iOS'],
    [/Mac OS X/, 'macOS'],
    [/Windows/, 'Windows'],
    [/Linux/, 'Linux'],
  ]
  const found = (names: typeof browsers): string | undefined =>
    names.find(([sign]) => sign.test(userAgent))?.[1]
  const [browser, system] = [found(browsers) ?? 'Browser', found(systems)]
  return system === undefined ? browser : `${browser}, ${system}`
}

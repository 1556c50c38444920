import { untrack } from 'svelte'

import { api, part } from '../net/api'
import { Failure, words } from '../net/failure'
import { text } from '../text'
import { app } from './app.svelte'
import { notices } from './notices.svelte'
import type { Kind } from './notices'
import { bytesOf, isSameKey, labelOf, obstacle, type Obstacle, type Subscription, type Tested } from './push'
import { randomId } from './random'
import * as storage from './storage'

/** The controller believes for 45 s that somebody is looking. */
const PRESENCE_MS = 30_000

/** What this browser knows of its subscription. */
interface Known {
  id: string
  endpoint: string
}

/** Web Push: being told also when no page is open. */
class Push {
  /** `undefined` until it is known. */
  subscription: Subscription | 'none' | undefined = $state.raw()
  problem: string | undefined = $state()
  /** What became of the test. */
  tested: string | undefined = $state()
  isBusy: boolean = $state(false)

  /** This page among those of the browser. */
  readonly #page = randomId()
  #restoring: Promise<void> | undefined

  get obstacle(): Obstacle | undefined {
    return obstacle({
      isSecure: isSecureContext,
      hasWorker: 'serviceWorker' in navigator,
      hasPush: 'PushManager' in window,
      // Read, so that this is told anew when it has changed.
      permission: notices.permission && 'Notification' in window ? Notification.permission : undefined,
    })
  }

  /** Says that somebody is looking, as long as somebody is; until the call of what it returns. */
  start(): () => void {
    const stop = new AbortController()
    const say = (): void => void this.#present(!document.hidden)
    void untrack(() => this.restore()).then(say)
    const timer = setInterval(() => document.hidden || say(), PRESENCE_MS)
    document.addEventListener('visibilitychange', say, { signal: stop.signal })
    return () => {
      clearInterval(timer)
      stop.abort()
    }
  }

  /** Finds out how it stands. A subscription that the browser has changed meanwhile is told to the controller. */
  restore(): Promise<void> {
    return (this.#restoring ??= this.#restore().finally(() => (this.#restoring = undefined)))
  }

  async #restore(): Promise<void> {
    const known = storage.kept('push', isKnown)
    if (!known || this.obstacle) return void (this.subscription = 'none')
    try {
      const { items } = await api<{ items: Subscription[] }>('GET', '/push/subscriptions')
      const found = items.find(({ id }) => id === known.id)
      const device = await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()
      if (found && device?.endpoint === known.endpoint) this.subscription = found
      else if (found) {
        const { id } = await this.#subscribe(found.kinds, found.private)
        if (id !== found.id) await api('DELETE', path(found))
      } else this.#forget()
    } catch (error) {
      if (this.subscription === undefined) this.subscription = 'none'
      if (!isWithout(error)) this.problem = words(error)
    }
  }

  async turnOn(): Promise<void> {
    await this.#do(async () => {
      if (await notices.ask()) await this.#subscribe(notices.choice.kinds, false)
    })
  }

  async turnOff(): Promise<void> {
    const { subscription } = this
    await this.#do(async () => {
      if (isThere(subscription)) await api('DELETE', path(subscription))
      const device = await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()
      await device?.unsubscribe()
      this.#forget()
    })
  }

  async change(changes: { kinds?: readonly Kind[]; private?: boolean }): Promise<void> {
    const { subscription } = this
    if (!isThere(subscription)) return
    await this.#do(async () => {
      await api('PATCH', path(subscription), changes)
      this.subscription = { ...subscription, ...changes } as Subscription
    })
  }

  async test(): Promise<void> {
    const { subscription } = this
    if (!isThere(subscription)) return
    await this.#do(async () => {
      const { delivered, message } = await api<Tested>('POST', `${path(subscription)}/test`)
      if (delivered) this.tested = text.push.tested
      else this.problem = text.push.notTested(message)
    })
  }

  async #subscribe(kinds: readonly Kind[], isPrivate: boolean): Promise<Subscription> {
    const { publicKey } = await api<{ publicKey: string }>('GET', '/push')
    const key = bytesOf(publicKey)
    await navigator.serviceWorker.register('/sw.js')
    const { pushManager } = await navigator.serviceWorker.ready
    const before = await pushManager.getSubscription()
    if (before && !isSameKey(before.options.applicationServerKey, key)) await before.unsubscribe()
    const device = await subscribed(pushManager, key)
    const { endpoint, keys } = device.toJSON()
    const label = labelOf(navigator.userAgent)
    const viewerId = app.relay?.connection?.viewerId
    const body = { subscription: { endpoint, keys }, label, kinds, private: isPrivate, viewerId }
    const made = await api<Subscription>('POST', '/push/subscriptions', body)
    storage.keep('push', { id: made.id, endpoint: device.endpoint } satisfies Known)
    this.subscription = made
    void this.#present(!document.hidden)
    return made
  }

  #forget(): void {
    storage.forget('push')
    this.subscription = 'none'
  }

  async #present(visible: boolean): Promise<void> {
    const { subscription } = this
    if (!isThere(subscription) || typeof app.session !== 'object') return
    // The next one says it again; without it there is a notification too many.
    await api('PUT', `${path(subscription)}/presence`, { visible, page: this.#page }).catch(() => {})
  }

  async #do(action: () => Promise<void>): Promise<void> {
    this.isBusy = true
    this.problem = this.tested = undefined
    try {
      await action()
    } catch (error) {
      this.problem = isWithout(error) ? text.push.without : words(error)
    } finally {
      this.isBusy = false
    }
  }
}

async function subscribed(manager: PushManager, key: Uint8Array<ArrayBuffer>): Promise<PushSubscription> {
  try {
    return await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  } catch (error) {
    throw new Error(text.push.service(words(error)))
  }
}

function isThere(subscription: Subscription | 'none' | undefined): subscription is Subscription {
  return typeof subscription === 'object'
}

function path({ id }: Subscription): string {
  return `/push/subscriptions/${part(id)}`
}

/** Whether the controller knows no push at all: an older one has no such address. */
function isWithout(error: unknown): boolean {
  return error instanceof Failure && (error.code === 'UNKNOWN_EVENT' || error.code === 'INTERNAL')
}

function isKnown(value: unknown): value is Known {
  return storage.isRecord(value) && storage.isString(value.id) && storage.isString(value.endpoint)
}

export const push = new Push()
